from __future__ import annotations

import pytest
from dropmesh.classify_dir import profile as client

from services.common.settings import SettingsError
from services.processor.classify_queue.profile import load_profile


@pytest.mark.parametrize("name", ["dropmesh", "modelcls"])
def test_the_processor_reads_the_profiles_of_the_command_line(name):
    assert load_profile(name) == client.load_profile(name)


def test_a_profile_that_cannot_be_used_is_named_with_the_variable(tmp_path):
    with pytest.raises(SettingsError, match="DROPMESH_CLASSIFY_PROFILE is 'other': there is no"):
        load_profile("other")
    path = tmp_path / "mine.toml"
    path.write_text('[requests]\nbody = "MESSAGE"\n')
    with pytest.raises(SettingsError, match=r"DROPMESH_CLASSIFY_PROFILE is .*: requests\.queue"):
        load_profile(str(path))


def test_requests_that_carry_no_id_cannot_be_matched_by_a_field(tmp_path):
    mine = (client.FOLDER / "modelcls.toml").read_text().replace('body = "FIELDS"', 'body = "BINARY"', 1)
    path = tmp_path / "mine.toml"
    path.write_text(mine)
    with pytest.raises(SettingsError, match="BINARY requests carry no id"):
        load_profile(str(path))
    with pytest.raises(client.ProfileError, match="BINARY, which carries no id"):
        client.load_profile(str(path))
