"""The decoders by the name that the registry calls them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from services.processor.detect.decoders.centerface import CenterFaceDecoder
from services.processor.detect.decoders.decoder import Decoder
from services.processor.detect.decoders.dropmesh import DropmeshDecoder
from services.processor.detect.decoders.ssd import SsdDecoder
from services.processor.detect.decoders.yolox import YoloxDecoder
from services.processor.detect.decoders.yunet import YuNetDecoder
from services.processor.models.errors import RegistryInvalid

__all__ = ["Decoder", "open_decoder"]

_DECODERS: Mapping[str, type[Decoder]] = {
    "yunet": YuNetDecoder,
    "yolox": YoloxDecoder,
    "ssd": SsdDecoder,
    "centerface": CenterFaceDecoder,
    "dropmesh": DropmeshDecoder,
}


def open_decoder(where: str, settings: Mapping[str, Any]) -> Decoder:
    """The decoder that a registry's [decoder] table describes; `where` names the table in errors."""
    options = dict(settings)
    name = options.pop("name")
    if name not in _DECODERS:
        raise RegistryInvalid(f"{where}.name", f"{name!r} is none of {', '.join(sorted(_DECODERS))}")
    decoder_type = _DECODERS[name]
    if unknown := options.keys() - decoder_type.__annotations__.keys():
        raise RegistryInvalid(f"{where}.{min(unknown)}", f"the decoder {name!r} has no such option")
    try:
        decoder: Decoder = TypeAdapter(decoder_type).validate_python(options)
    except ValidationError as error:
        first = error.errors()[0]
        raise RegistryInvalid(".".join([where, *map(str, first["loc"])]), first["msg"]) from error
    return decoder
