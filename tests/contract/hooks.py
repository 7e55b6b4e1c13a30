"""How requests of the contract run are made: who sends them, and whom they may hit.

Loaded by schemathesis. CONTRACT_AS names who sends: admin, user or nobody. The run is full of requests that end logins,
ban accounts and delete them; two rules keep that from ending the run itself:

- Who sends is never hit: a positive id of an account stands for one of CONTRACT_TARGETS instead, or for nobody.
- What changes one's own account or logins is sent by a person made for it, and by a new one once it was done.
"""

import itertools
import os

import requests
import schemathesis

BASE = os.environ["CONTRACT_BASE"]
ACTOR = os.environ["CONTRACT_AS"]
PASSWORD = os.environ["CONTRACT_PASSWORD"]
TARGETS = [int(text) for text in os.environ["CONTRACT_TARGETS"].split(",")]
# Paths on which what one does to oneself would end the run.
OWN = ("/api/auth/",)
# Those of them that ask for no token.
OPEN = ("/api/auth/login/", "/api/auth/register/", "/api/auth/refresh/", "/api/auth/verify/", "/api/auth/password/reset/")
# Paths with the id of an account, and fields of bodies with one or more.
ACCOUNT_PATHS = ("/users/{id}/", "/pending-users/{id}/", "/privacy/{id}/")
ACCOUNT_FIELDS = {"id", "ids", "user_id", "user_ids"}

names = itertools.count()
tokens = {}


def tokens_of(answer):
    answer.raise_for_status()
    return answer.json()["tokens"]["access"]


def log_in(name):
    return tokens_of(requests.post(f"{BASE}/api/auth/login/", json={"username": name, "password": PASSWORD}, timeout=10))


def register():
    person = {"username": f"{ACTOR}-own-{os.getpid()}-{next(names)}", "password": PASSWORD}
    return tokens_of(requests.post(f"{BASE}/api/auth/register/", json=person, timeout=10))


def is_own(case):
    path = case.operation.path
    return case.method.upper() != "GET" and path.startswith(OWN) and not path.startswith(OPEN)


if ACTOR != "nobody":

    @schemathesis.auth(refresh_interval=None)
    class Sender:
        """The token of who sends, made when there is none (any more)."""

        def get(self, case, context):
            own = is_own(case)
            if own not in tokens:
                tokens[own] = register() if own else log_in(ACTOR)
            return tokens[own]

        def set(self, case, data, context):
            case.headers = case.headers or {}
            case.headers["Authorization"] = f"Bearer {data}"


def target(value):
    """The account that stands for this id; every fifth stands for nobody."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return str(target(int(value)))
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**53:
        return value
    return 10**9 + value if value % 5 == 0 else TARGETS[value % len(TARGETS)]


def spare(body, ids=False):
    """The same body, hitting nobody but targets."""
    if isinstance(body, dict):
        return {name: spare(value, name in ACCOUNT_FIELDS) for name, value in body.items()}
    if isinstance(body, list):
        return [spare(value, ids) for value in body]
    return target(body) if ids else body


@schemathesis.hook
def filter_case(context, case):
    # A parameter without a value is as good as absent, whatever its rule: nothing the description could say.
    return "" not in (case.query or {}).values()


@schemathesis.hook
def before_call(context, case, kwargs):
    of_account = any(part in case.operation.path for part in ACCOUNT_PATHS)
    if of_account and isinstance(case.path_parameters, dict):
        case.path_parameters = {name: target(value) for name, value in case.path_parameters.items()}
    if isinstance(case.body, (dict, list)):
        case.body = spare(case.body)


@schemathesis.hook
def after_call(context, case, response):
    own = is_own(case)
    if response.status_code == 401 and b"login_ended" in response.content or own and response.status_code < 300:
        tokens.pop(own, None)
