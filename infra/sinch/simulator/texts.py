"""What a batch says to each of its numbers, and whether it can be said at all."""

from collections.abc import Mapping
from typing import Any

from infra.sinch.simulator.fates import TOO_MANY_PARTS, UNMATCHED_PARAMETER
from infra.sinch.wire.msisdn import msisdn
from infra.sinch.wire.parts import UNICODE, Expanded, Parts, expand, first_part, parts

FITS = 0


class Texts:
    """A batch's template with its parameters' numbers in normal form, so that `+1555…` and `1555…` are the same."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        body = fields["body"]
        self._template: str = body if isinstance(body, str) else str(body.get("message", ""))
        self._parameters = _normal(fields.get("parameters"))
        self._most: int | None = fields.get("max_number_of_message_parts")
        self._truncate = bool(fields.get("truncate_concat"))
        self._is_text = fields.get("type", "mt_text") == "mt_text"

    @property
    def always_fit(self) -> bool:
        """Whether no message can be unfit, whatever its number."""
        return not self._parameters and (self._most is None or self._truncate or not self._is_text)

    def text(self, recipient: str) -> Expanded:
        """The text for one number, shortened to one part where the batch wants that."""
        expanded = expand(self._template, self._parameters, recipient)
        if not self._truncate:
            return expanded
        return Expanded(first_part(expanded.text), expanded.unmatched)

    def parts(self, recipient: str) -> Parts:
        """Encoding and parts of the text for one number; binary and media messages are one part."""
        if not self._is_text:
            return Parts("text", 1, 0)
        return parts(self.text(recipient).text)

    def problem(self, recipient: str) -> int:
        """The code with which a message is aborted before it leaves, or FITS."""
        if self.text(recipient).unmatched:
            return UNMATCHED_PARAMETER
        if self._most is not None and self.parts(recipient).count > self._most:
            return TOO_MANY_PARTS
        return FITS

    def report_encoding(self, recipient: str) -> str:
        """The encoding as delivery reports name it."""
        return "UNICODE" if self.parts(recipient).encoding == UNICODE else "GSM"


def _normal(parameters: Mapping[str, Mapping[str, str]] | None) -> dict[str, dict[str, str]]:
    if not parameters:
        return {}
    return {
        key: {name if name == "default" else msisdn(name): text for name, text in values.items()}
        for key, values in parameters.items()
    }
