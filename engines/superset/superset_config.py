"""Superset's settings where FlowGuard starts it: all else is its own default, and where it keeps things is told by SUPERSET_HOME and SUPERSET_SECRET_KEY."""

from superset.config import TALISMAN_CONFIG

# Its pages ask for a picture at a counter of visits. No page asks for anything but its own server.
TALISMAN_CONFIG["content_security_policy"]["img-src"] = ["'self'", "blob:", "data:"]
TALISMAN_CONFIG["content_security_policy"]["connect-src"] = ["'self'"]

# One process, with its tables in SQLite: what limits requests lies in memory.
RATELIMIT_STORAGE_URI = "memory://"
