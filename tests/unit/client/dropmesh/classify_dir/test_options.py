from __future__ import annotations

import pytest
from dropmesh.classify_dir.options import Options, OptionsError, load_options


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(tmp_path):
    config = tmp_path / "classify.toml"
    config.write_text(f'dir = "{tmp_path}"\nlabels = 1\nattempts = 1\nin_flight = 1\n')
    environment = {"DROPMESH_CLASSIFY_ATTEMPTS": "2", "DROPMESH_CLASSIFY_IN_FLIGHT": "2", "OTHER": "x"}
    options = load_options({"in_flight": "3", "follow": None}, environment, config)
    assert (options.labels, options.attempts, options.in_flight, options.follow) == (1, 2, 3, False)
    assert options.dir == tmp_path


def test_the_environment_names_the_file_and_an_empty_variable_is_none(tmp_path):
    config = tmp_path / "classify.toml"
    config.write_text(f'dir = "{tmp_path}"\n')
    options = load_options({}, {"DROPMESH_CLASSIFY_CONFIG": str(config), "DROPMESH_CLASSIFY_LOG": ""}, None)
    assert options == Options(dir=tmp_path)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "dir: missing"),
        ({"dir": "/nowhere/at/all"}, "dir: /nowhere/at/all is not a folder"),
        ({"dir": "/", "in_flight": "0"}, "in_flight: Input should be greater than or equal to 1"),
        ({"dir": "/", "amqp": "http://host"}, "amqp: "),
    ],
)
def test_a_wrong_option_is_named_with_what_it_takes(given, said):
    with pytest.raises(OptionsError, match=said):
        load_options(given, {}, None)


def test_a_key_of_the_file_that_is_no_option_is_named(tmp_path):
    config = tmp_path / "classify.toml"
    config.write_text('directory = "/"\n')
    with pytest.raises(OptionsError, match="directory: no such option; there are dir, amqp"):
        load_options({"dir": "/"}, {}, config)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(OptionsError, match=r"config: .*missing.toml cannot be read"):
        load_options({"dir": "/"}, {}, tmp_path / "missing.toml")
