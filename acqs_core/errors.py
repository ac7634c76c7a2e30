"""One hierarchy of errors, so that a caller can tell "mend your input" from "try again later" by class.

Every message says what happened, to what, and what to do. The exit code of a command that ends with an error is the
class's `exit_code` (documented in the README).
"""


class AcqsError(Exception):
    """The root of every error that ACQS raises on purpose; `str(error)` is fit to show to an operator."""

    exit_code = 1


class SettingsError(AcqsError):
    """A settings file, environment variable or flag is wrong; the message names the key and, for a file, the line."""

    exit_code = 2


class ActionInvalid(AcqsError):
    """The row can never be sent as it stands (CR, LF, NUL, line or header limits, no action name)."""

    exit_code = 2


class FilterInvalid(AcqsError):
    """A filter that cannot be understood; the message names the part."""

    exit_code = 2


class NotFound(AcqsError):
    """No such row."""

    exit_code = 4


class Refused(AcqsError):
    """A deed that the row's status does not allow, or that was not confirmed."""

    exit_code = 5


class QueueError(AcqsError):
    """The database refused a statement for a reason that trying again does not mend (rights, schema, syntax)."""

    exit_code = 3


class QueueUnavailable(QueueError):
    """The database cannot be reached or went away in mid-statement; whether the statement took effect is not known."""


class ValueRefused(QueueError):
    """The database takes the statement and not one of its values (too wide, not of its character set, not a number)."""


class SchemaMissing(QueueError):
    """A table or column that ACQS needs is not there; `acqs-core db init` makes it."""


class AmiError(AcqsError):
    """The root of what goes wrong between us and Asterisk."""

    exit_code = 6


class ConnectFailed(AmiError):
    """No connection, or it ended before the login was answered: nothing was sent, trying again is safe."""


class NoBanner(ConnectFailed):
    """Asterisk took the connection and did not greet: its authlimit is reached, or it is stuck, or it waits for TLS."""


class ShuttingDown(ConnectFailed):
    """Asterisk answered that it is shutting down, instead of doing what it was asked for (13 and later)."""


class TlsFailed(ConnectFailed):
    """No TLS with what listens there, or its certificate is not to be trusted: the secret was not sent."""


class ChildLost(AmiError):
    """A session's own process died or hung before its action was written: nothing was sent, Asterisk is not to blame,
    and another may do better."""


class LoginRefused(AmiError):
    """Asterisk answered the login with an Error: nothing was sent; the secret, user or ACL must be mended."""


class AlreadyInUse(LoginRefused):
    """The user is logged in and may be so only once (`allowmultiplelogin = no`): nothing was sent."""


class RightMissing(AmiError):
    """Asterisk answered that the user may not do this: manager.conf must be mended, and then a new login made."""


class SessionLost(AmiError):
    """The connection ended or a deadline passed after login. What was written before may have taken effect."""


class ResponseTimeout(SessionLost):
    """Asterisk did not answer an action within its deadline: the outcome is unknown, never "not sent"."""


class ControlError(AcqsError):
    """Something went wrong between a console and its engine: none there, gone, or one that speaks otherwise."""

    exit_code = 7


class NoEngine(ControlError):
    """No engine is there to attach to, not even one that does not answer."""
