"""The project's errors. Each message is one line: what was wrong, where, and what to do."""

__all__ = ["BadScan", "BadSettings", "BadTable", "BundleError", "DetectorError", "JslError", "StoreError"]


class JslError(Exception):
    """Anything a user can cause or mend; the command line prints its message and no traceback."""


class BadSettings(JslError):
    """A setting, or a combination of settings, that cannot work."""


class BadTable(JslError):
    """A cohort table, box table or OAI table that cannot be used."""


class StoreError(JslError):
    """The store is missing, full, damaged or out of reach."""


class BundleError(JslError):
    """A model bundle that is damaged, of another version, or unfit for the data at hand."""


class DetectorError(JslError):
    """Darknet files or training data the detector cannot use."""


class BadScan(JslError):
    """One scan or knee that cannot be used: becomes a row of `rejected.csv`, never stops a run.

    `code` is the short reason (`undecodable`, `too_small`, `no_joint`, ...); the message is the sentence.
    """

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code

    def __reduce__(self) -> tuple[type["BadScan"], tuple[str, str]]:
        # Exceptions with two arguments lose one on their way out of a worker process otherwise.
        return type(self), (self.code, str(self))
