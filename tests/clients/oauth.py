"""Authlib as a client of the token endpoint and as a resource server: what other people's code understands of ours.

A token by client credentials, shown in both ways that a client may show its secret; used, introspected and revoked, all on the
gateway's listener; verified by Authlib's validator of RFC 9068 against our JWKS, with either algorithm that we sign with.

    python tests/clients/oauth.py PATH_OF_TOLLGATE
"""

import http.server
import os
import sys
import threading
import time

import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc6750.errors import InvalidTokenError
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator

from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from tollgate import Platform

LIVE_SECONDS_MAX = 10


class Origin(http.server.BaseHTTPRequestHandler):
    """Says what it was told of the caller."""

    def do_GET(self):
        told = [f"{name}: {value}" for name, value in self.headers.items()]
        body = "\n".join(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class ResourceServer(JWTBearerTokenValidator):
    """Somebody else who is shown our tokens."""

    def __init__(self, platform):
        super().__init__(issuer=platform.admin, resource_server="tollgate")
        self.jwks_uri = platform.listener + "/oauth2/jwks"

    def get_jwks(self):
        response = requests.get(self.jwks_uri, timeout=10)
        response.raise_for_status()
        return KeySet.import_key_set(response.json())

    def accept(self, text):
        token = self.authenticate_token(text)
        self.validate_token(token, [], None)
        return token


def publish(admin, origin):
    """An API that wants to know who calls, and an application that may; gives identifier and secret of its client."""
    operation = {"name": "hello", "method": "GET", "path": "/hello"}
    admin.apply(
        {"kind": "Environment", "name": "production"},
        {"kind": "Plan", "name": "gold"},
        {
            "kind": "Api", "name": "orders", "version": "1.0", "base_path": "/orders", "plans": ["gold"],
            "upstream": {"endpoints": [{"address": origin}]}, "operations": [operation],
        },
    )
    admin.ask("POST", "/tenants/acme/apis/orders@1.0/publications/production", {})
    admin.apply(
        {"kind": "Application", "name": "shop"},
        {"kind": "Subscription", "application": "shop", "target": "orders@1.0", "plan": "gold"},
    )
    issued = admin.ask("POST", "/tenants/acme/applications/shop/credentials", {"kind": "oauth_client"})
    return issued["credential"]["id"], issued["secret"]


def until(what, holds):
    """Asks again until it holds: what is published reaches the gateway a moment later."""
    end = time.monotonic() + LIVE_SECONDS_MAX
    while not holds():
        assert time.monotonic() < end, f"{what}: not within {LIVE_SECONDS_MAX} s"
        time.sleep(0.02)


def check(platform, client, method):
    """The life of a token."""
    (client_id, secret), endpoint = client, platform.listener + "/oauth2/token"
    hello = platform.listener + "/orders/1.0/hello"
    with OAuth2Session(client_id, secret, token_endpoint_auth_method=method, token_endpoint=endpoint) as session:
        assert requests.get(hello, timeout=10).status_code == 401
        token = session.fetch_token(endpoint, grant_type="client_credentials")
        assert token["token_type"] == "Bearer" and token["expires_in"] > 0 and "refresh_token" not in token, token
        until("200 with the token", lambda: session.get(hello).status_code == 200)
        told = session.get(hello).text.lower()
        assert "x-consumer-application: acme.shop" in told and "bearer" not in told, told

        text = token["access_token"]
        claims = ResourceServer(platform).accept(text)
        assert (claims["client_id"], claims["sub"], claims.header["typ"]) == (client_id, "shop", "at+jwt"), claims
        head, body, signature = text.split(".")
        for wrong in [f"{head}.{body}.{signature[::-1]}", f"{head}.{body[::-1]}.{signature}"]:
            refused(ResourceServer(platform), wrong)

        introspected = session.introspect_token(platform.listener + "/oauth2/introspect", token=text).json()
        assert introspected["active"] and introspected["jti"] == claims["jti"], introspected
        assert session.revoke_token(platform.listener + "/oauth2/revoke", token=text).status_code == 200
        introspected = session.introspect_token(platform.listener + "/oauth2/introspect", token=text).json()
        assert introspected == {"active": False}, introspected
        # Nothing of ours is refreshed: there is nothing to do it with.
        try:
            session.refresh_token(endpoint, refresh_token="none")
        except OAuthError as error:
            assert error.error == "unsupported_grant_type", error
        else:
            raise AssertionError("a token was refreshed")
    with OAuth2Session(client_id, "wrong", token_endpoint_auth_method=method) as session:
        try:
            session.fetch_token(endpoint, grant_type="client_credentials")
        except OAuthError as error:
            assert error.error == "invalid_client", error
        else:
            raise AssertionError("a wrong secret got a token")
    print(f"{method}: passed")


def refused(server, text):
    try:
        server.accept(text)
    except InvalidTokenError:
        return
    raise AssertionError(f"accepted {text}")


def main(binary):
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # Loopback.
    # Authlib's validator takes ES256, and EdDSA only where its library is told to.
    JWSRegistry.recommended.append("EdDSA")
    origin = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Origin)
    threading.Thread(target=origin.serve_forever, daemon=True).start()
    with Platform(binary) as platform:
        client = publish(platform.owner(), f"127.0.0.1:{origin.server_port}")
        for algorithm in ["EdDSA", "ES256"]:
            # Twice: the first announces the next key, the second signs with it.
            for _ in range(2):
                platform.owner().ask("POST", "/signing-keys/rotate", {"algorithm": algorithm})
            for method in ["client_secret_basic", "client_secret_post"]:
                check(platform, client, method)
    origin.shutdown()


if __name__ == "__main__":
    main(sys.argv[1])
