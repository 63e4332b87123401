"""Snowflake's stand-in: fakesnow's server, as Snowflake's driver for Node and a client that may be cut off need it.

    python3 server.py PORT FOLDER

Beyond fakesnow: answers as JSON (that driver reads no Arrow); databases kept in FOLDER, so that they outlive the process; none that is made by signing in;
sign-in checked (user, key or password, role); a request that is sent again answered again and not done again; a statement that can be stopped; and, as on
Snowflake though sooner, a transaction that stands idle in another's way is rolled back.
"""

import asyncio, base64, collections, datetime as dt, decimal, gzip, hashlib, json, os, pathlib, re, sys, time

import fakesnow.cursor as cursor
import fakesnow.info_schema as info_schema
import fakesnow.server as srv
import jwt
from cryptography.hazmat.primitives import serialization
from fakesnow.instance import FakeSnow
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

ACCOUNT, USER, PASSWORD = "FAKESNOW", "FLOWGUARD", "flowguard-on-this-machine"
ROLES = {"PUBLIC", "FLOWGUARD", "FLOWGUARD_READER"}
ANSWERS_KEPT = 256
# Snowflake gives five minutes.
IDLE_SECONDS = 0.5
CONFLICT_TRIES, CONFLICT_PAUSE_SECONDS = 40, 0.1
EPOCH = dt.datetime(1970, 1, 1)


class Recent(collections.OrderedDict):
    """fakesnow keeps the result of every statement for good."""

    def __setitem__(self, key, value):
        super().__setitem__(key, value)
        while len(self) > ANSWERS_KEPT:
            self.popitem(last=False)


# --- values, as the JSON form of an answer has them


def seconds(value):
    micros = (value - EPOCH) // dt.timedelta(microseconds=1)
    sign, micros = ("-" if micros < 0 else ""), abs(micros)
    return f"{sign}{micros // 1000000}.{micros % 1000000:06d}000"


def encoded(value, column):
    if value is None:
        return None
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, dt.datetime):
        utc = value.astimezone(dt.timezone.utc).replace(tzinfo=None) if value.tzinfo else value
        return seconds(utc) + (" 1440" if column["type"].upper() == "TIMESTAMP_TZ" else "")
    if isinstance(value, dt.date):
        return str((value - EPOCH.date()).days)
    if isinstance(value, dt.time):
        return f"{value.hour * 3600 + value.minute * 60 + value.second}.{value.microsecond:06d}000"
    if isinstance(value, (bytes, bytearray)):
        return value.hex().upper()
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, (dict, list)):
        return json.dumps(value, default=str)
    if isinstance(value, float) and value != value:
        return "NaN"
    return str(value)


def rows_of(table, rowtype):
    columns = [[encoded(value, column) for value in each.to_pylist()] for each, column in zip(table.columns, rowtype)]
    return [list(row) for row in zip(*columns)]


class Rows(list):
    """Goes through what would make Arrow of it, and text of that."""

    def decode(self, _encoding):
        return self


srv.to_sf = lambda table, rowtype: (table, rowtype)
srv.to_ipc = lambda pair: Rows(rows_of(*pair))
srv.b64encode = lambda rows: rows

upstream_from_binding = srv.from_binding


def from_binding(binding):
    value = binding["value"]
    if value is None:
        return None
    if binding["type"] == "REAL":
        return float(value)
    if binding["type"] == "FIXED" and "." in value:
        return decimal.Decimal(value)
    return upstream_from_binding(binding)


srv.from_binding = from_binding


class JsonRows(JSONResponse):
    """500 is what the driver tries again for minutes: a statement that the stand-in cannot do is that statement's error."""

    def __init__(self, content=None, status_code=200, **more):
        if status_code == 500:
            error = sys.exc_info()[1]
            cause = (error and error.__context__) or error
            message = f"{type(cause).__name__}: {cause}"
            content, status_code = {**content, "message": message, "data": {"errorCode": content["code"], "sqlState": "XX000"}}, 200
        if status_code == 401:
            content, status_code = {**content, "data": {}}, 200
        super().__init__(content, status_code, **more)

    def render(self, content):
        data = content.get("data") if isinstance(content, dict) else None
        if isinstance(data, dict) and "queryResultFormat" in data:
            if data["queryResultFormat"] == "arrow":
                data["rowset"], data["queryResultFormat"] = data.pop("rowsetBase64") or [], "json"
            data["returned"] = data["total"] = len(data["rowset"])
        return super().render(content)


srv.JSONResponse = JsonRows


# --- what fakesnow notes beside a table: not of its own one for a MERGE, for that would be a second database to write in one transaction

for name in ("insert_table_comment_sql", "insert_text_lengths_sql"):

    def noted(catalog, schema, table, *more, upstream=getattr(info_schema, name)):
        return "select 1" if table.upper() == "MERGE_CANDIDATES" else upstream(catalog, schema, table, *more)

    setattr(info_schema, name, noted)


upstream_parse_one = cursor.parse_one


def parse_one(text):
    """A MERGE is taken apart here, which bears one form of the two that say the same: that of the source, and that of its one parameter."""
    if text.lstrip()[:5].lower() == "merge":
        text = re.sub(r":1\b", "?", text)
        text = re.sub(r"\btable\s*\(\s*(flatten\(input => parse_json\(\?\)\))\s*\)", r"lateral \1", text, flags=re.IGNORECASE)
    return upstream_parse_one(text)


cursor.parse_one = srv.parse_one = parse_one


# --- signing in


def refusal(code, message):
    return JSONResponse({"data": {"authnMethod": "USERNAME_PASSWORD"}, "code": code, "message": message, "success": False, "headers": None})


def public_key():
    """Of the user: what `alter user … set rsa_public_key` would be given. Read at every sign-in, so that it may be changed."""
    return serialization.load_pem_public_key((FOLDER / "rsa_key.pub").read_bytes())


def jwt_fault(token):
    """https://docs.snowflake.com/en/developer-guide/sql-api/authenticating#using-key-pair-authentication"""
    try:
        key = public_key()
        claims = jwt.decode(token, key, algorithms=["RS256"], options={"verify_iat": False, "verify_exp": False, "require": ["iss", "sub", "iat", "exp"]})
    except (jwt.InvalidTokenError, OSError) as error:
        return str(error)
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    print_of_key = "SHA256:" + base64.b64encode(hashlib.sha256(der).digest()).decode()
    if claims["sub"] != f"{ACCOUNT}.{USER}" or claims["iss"] != f"{ACCOUNT}.{USER}.{print_of_key}":
        return f"of {claims['iss']}"
    # That driver writes milliseconds.
    issued, expires = (each / 1000 if each > 1e11 else each for each in (claims["iat"], claims["exp"]))
    if expires < time.time() or expires - issued > 3600:
        return "expired, or good for longer than an hour"
    return None


async def body_of(request):
    body = await request.body()
    return json.loads(gzip.decompress(body) if request.headers.get("Content-Encoding") == "gzip" else body)


async def login(request):
    data = (await body_of(request))["data"]
    if data.get("ACCOUNT_NAME", "").upper() != ACCOUNT:
        return Response(status_code=403)
    if data.get("AUTHENTICATOR") == "SNOWFLAKE_JWT":
        if fault := jwt_fault(data.get("TOKEN", "")):
            return refusal("390144", f"JWT token is invalid. [{fault}]")
    elif data.get("LOGIN_NAME", "").upper() != USER or data.get("PASSWORD") != PASSWORD:
        return refusal("390100", "Incorrect username or password was specified.")
    if (role := request.query_params.get("roleName")) and role.upper() not in ROLES:
        return refusal("390189", f"Role '{role}' specified in the connect string does not exist or not authorized. Contact your local system administrator.")
    return await srv.login_request(request)


# --- statements

DDL = ("create", "alter", "drop", "truncate", "comment")
answers = Recent()
busy = {}
last_used = {}


def is_conflict(answer):
    return b"onflict" in answer.body and b"TransactionContext" in answer.body or b"onflict on " in answer.body


def roll_back_idle(mine):
    """Those whose client has not been heard of: of all but the one that is in the way of this one it does no harm."""
    now = time.monotonic()
    for token, conn in list(srv.sessions.items()):
        if token != mine and token not in busy and getattr(conn, "is_open", False) and now - last_used.get(token, 0) > IDLE_SECONDS:
            conn._duck_conn.rollback()
            conn.is_open = False


async def query(request):
    """A request that is sent again, for its answer was lost, has the same id: it is waited for, and not done twice."""
    request_id = request.query_params.get("requestId")
    if not request_id:
        return await answered(request)
    if request_id not in answers:
        answers[request_id] = asyncio.ensure_future(answered(request))
    answer = await asyncio.shield(answers[request_id])
    return Response(answer.body, answer.status_code, media_type="application/json")


async def answered(request):
    token = srv.to_token(request)
    body = await request.body()
    conn = srv.sessions.get(token)
    text = (await body_of(request)).get("sqlText", "").strip().lower() if conn else ""
    is_alone = conn is not None and not getattr(conn, "is_open", False)
    busy[token] = request.query_params.get("requestId")
    # https://docs.snowflake.com/en/sql-reference/transactions#ddl
    if conn and not is_alone and text.startswith(DDL):
        conn._duck_conn.commit()
        conn.is_open, is_alone = False, True
    try:
        for _ in range(CONFLICT_TRIES):
            answer = await srv.query_request(again(request, body))
            # Snowflake waits for the lock, and looks anew then; a statement within a transaction that has changed something cannot here.
            if not (conn and is_conflict(answer) and (is_alone or not getattr(conn, "has_changed", False))):
                break
            roll_back_idle(token)
            if not is_alone:
                conn._duck_conn.rollback()
                conn._duck_conn.begin()
            await asyncio.sleep(CONFLICT_PAUSE_SECONDS)
    finally:
        busy.pop(token, None)
        last_used[token] = time.monotonic()
    if conn:
        if text.startswith("begin"):
            conn.is_open, conn.has_changed = True, False
        elif text.startswith(("commit", "rollback")):
            conn.is_open = False
        elif not text.startswith(("select", "with", "show", "describe")):
            conn.has_changed = True
    return answer


def again(request, body):
    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(request.scope, receive)


async def abort(request):
    """Only the request that it names: what runs by now may be another."""
    token = srv.to_token(request)
    wanted = (await body_of(request)).get("requestId")
    if (conn := srv.sessions.get(token)) and busy.get(token) == wanted:
        conn._duck_conn.interrupt()
    return JSONResponse({"data": None, "success": True})


async def session(request):
    """What a session had not committed goes with it, and what it still did ends."""
    token = srv.to_token(request)
    conn = srv.sessions.get(token)
    answer = await srv.session(request)
    if conn and token not in srv.sessions:
        asyncio.ensure_future(ended(token, conn))
    return answer


async def ended(token, conn):
    while token in busy:
        conn._duck_conn.interrupt()
        await asyncio.sleep(0.05)
    last_used.pop(token, None)
    conn.close()


if __name__ == "__main__":
    import uvicorn

    port, FOLDER = int(sys.argv[1]), pathlib.Path(sys.argv[2])
    databases = FOLDER / "databases"
    os.makedirs(databases, exist_ok=True)
    srv.shared_fs = FakeSnow(create_database_on_connect=False, create_schema_on_connect=False, db_path=databases)
    srv.shared_fs.results_cache = Recent()
    # As they were when it was ended, however that was.
    for file in sorted(databases.glob("*.db")):
        srv.shared_fs.duck_conn.execute(f"attach '{file}' as {file.stem}")
    ours = {"/session/v1/login-request": login, "/queries/v1/query-request": query, "/queries/v1/abort-request": abort, "/session": session}
    for route in srv.app.routes:
        if route.path in ours:
            srv.app.routes[srv.app.routes.index(route)] = Route(route.path, ours[route.path], methods=list(route.methods))
    uvicorn.run(srv.app, host="127.0.0.1", port=port, log_level="warning")
