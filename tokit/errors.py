"""Errors that a user can cause.

Only these are rendered as an `error:` and a `hint:` line; any other exception is a bug of ours and keeps its traceback.
"""


class TokitError(Exception):
    """An error that the user can correct.

    Args:
        message: One sentence that says what happened and names the file, line or value.
        hint: A way to correct it; may be empty.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(TokitError):
    """An invalid command line: an unknown name, a value that cannot be read."""

    exit_code = 2


class CorpusError(TokitError):
    """Text that cannot be read: missing, broken, not UTF-8, too long."""


class BadRecordError(CorpusError):
    """A document or record that `--errors skip` leaves out.

    Attributes:
        place: File and line, or file and record.
        reason: A few words under which such records are counted: "null", "broken JSON".
    """

    def __init__(self, place: str, message: str, reason: str, *, hint: str = "") -> None:
        skip = "pass --errors skip to leave such records out"
        super().__init__(f"{place}: {message}", hint=f"{hint}; or {skip}" if hint else skip)
        self.place = place
        self.reason = reason


class ArtifactError(TokitError):
    """A folder or file of a tokenizer, counts, shards or an embedding that cannot be read or written."""


class TrainingError(TokitError):
    """Settings that a trainer cannot fill, such as a vocabulary smaller than the alphabet."""


class IdsError(TokitError):
    """Token ids that cannot be read or lie outside the vocabulary."""


class MissingExtraError(TokitError):
    """A part of tokit that needs packages which are not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs the extra '{extra}'", hint=f"pip install 'tokit[{extra}]'")


class MissingPackageError(TokitError):
    """A library that is not installed, and that tokit needs only here."""


class CheckError(TokitError):
    """A check that the user asked for did not hold."""

    exit_code = 3
