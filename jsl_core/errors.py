"""The project's errors. Each message is one line: what was wrong, where, and what to do."""

__all__ = ["BadScan", "BadSettings", "BadTable", "BundleError", "DetectorError", "JslError", "StoreError"]


class JslError(Exception):
    """What a user can cause or mend; the command line prints its message, one line, and no traceback."""


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
    """One scan or knee that cannot be used: becomes a row of `rejected.csv`, never stops a run."""

    def __init__(self, code: str, sentence: str) -> None:
        """Keep the reason and its sentence.

        Args:
            code: The short reason, such as `undecodable`, `too_small` or `no_joint`.
            sentence: The same in words, for people.
        """
        super().__init__(sentence)
        self.code = code

    def __reduce__(self) -> tuple[type["BadScan"], tuple[str, str]]:
        # By default an exception with two arguments cannot be unpickled when a worker process raises it.
        return type(self), (self.code, str(self))
