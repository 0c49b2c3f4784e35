"""The form of store addresses, so that a wrong one is reported before a store is opened."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

SCHEMES = {
    "catalog": ("sqlite", "mongodb", "mongodb+srv"),
    "objects": ("file", "s3"),
    "queue": ("amqp", "amqps", "embedded"),
    "classify_amqp": ("amqp", "amqps"),
}


def address_fault(store: str, address: str) -> str | None:
    """Returns the fault of a store's address, without repeating more of it than its scheme; None if it has none."""
    scheme, colon, _ = address.partition(":")
    if scheme not in SCHEMES[store]:
        return f"{scheme if colon else 'the value'} is not one of {', '.join(SCHEMES[store])}"
    try:
        is_good = _is_good(scheme, address, urlsplit(address))
    except ValueError:
        is_good = False
    except OSError as error:
        # MongoDB's driver looks for the files that the address names.
        return f"the file {error.filename} cannot be read ({error.strerror})"
    return (
        None
        if is_good
        else "the address is malformed; percent-encode special characters in the user name and the password"
    )


def _is_good(scheme: str, address: str, parts: SplitResult) -> bool:
    match scheme:
        case "embedded":
            return address == scheme
        case "sqlite" | "file":
            return not parts.netloc and len(parts.path) > 1 and parts.path.startswith("/")
        case "s3":
            return bool(parts.netloc) and not (parts.query or parts.fragment)
        case "amqp" | "amqps":
            return bool(parts.hostname) and parts.port != 0
        case "mongodb":
            return _names_a_database(address)
        case _:
            return bool(parts.hostname) and len(parts.path) > 1


def _names_a_database(address: str) -> bool:
    # Imported where it is asked for: the driver takes 10 MB of every process.
    from pymongo.errors import PyMongoError
    from pymongo.uri_parser import parse_uri

    try:
        return bool(parse_uri(address)["database"])
    except PyMongoError:
        return False
