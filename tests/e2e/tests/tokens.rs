//! Tokens of the installation's own issuer, from the token endpoint on a gateway's listener to their end, on the gateway of the
//! control plane's process and on a node elsewhere. All through the real binary over loopback.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use serde_json::Value;
use std::net::SocketAddr;
use tollgate_e2e::{Connection, Platform, Response, ask, origin, until};

/// Two APIs under one base: one that wants a subscription, and one that wants a caller that is known.
fn managed(platform: &Platform, upstream: &str) -> Value {
    let api = |name: &str, subscription: &str| {
        format!(
            "---\nkind: Api\nname: {name}\nversion: '1'\nbase_path: /{name}\nversioning: {{ in: none }}\nsubscription: {subscription}\nplans: [free]\n\
             upstream: {{ endpoints: [ {{ address: '{upstream}' }} ] }}\n\
             operations: [ {{ name: hello, method: GET, path: /hello }} ]\n"
        )
    };
    let (orders, open) = (api("orders", "required"), api("open", "optional"));
    let text = format!("kind: Environment\nname: production\n---\nkind: Plan\nname: free\n{orders}{open}");
    let _ = platform.done(&["apply", "-f", &platform.put("managed.yaml", &text)]);
    for name in ["orders@1", "open@1"] {
        let _ = platform.done(&["publish", name, "production"]);
    }
    let shop =
        "kind: Application\nname: shop\n---\nkind: Subscription\napplication: shop\ntarget: orders@1\nplan: free\n";
    let _ = platform.done(&["apply", "-f", &platform.put("shop.yaml", shop)]);
    platform.done(&["keys", "shop", "issue", "--oauth"])
}

/// Posts a form of a client to an endpoint of the issuer, on a gateway's listener.
fn post(at: SocketAddr, endpoint: &str, client: &Value, form: &str) -> Response {
    let [id, secret] = ["id", "secret"].map(|key| client[key].as_str().unwrap());
    let form = format!("client_id={id}&client_secret={secret}&{form}");
    let length = form.len();
    let mut connection = Connection::open(at);
    connection.send(format!(
        "POST /oauth2/{endpoint} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: {length}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\r\n{form}"
    ));
    connection.response()
}

fn token(at: SocketAddr, client: &Value) -> String {
    let answer = post(at, "token", client, "grant_type=client_credentials");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer: Value = serde_json::from_slice(&answer.body).unwrap();
    answer["access_token"].as_str().unwrap().to_owned()
}

fn status(at: SocketAddr, api: &str, token: &str) -> u16 {
    ask(at, &format!("/{api}/hello"), &format!("Authorization: Bearer {token}\r\n")).status
}

fn until_status(at: SocketAddr, api: &str, token: &str, wanted: u16) {
    until(&format!("{wanted} of {api} at {at}"), || (status(at, api, token) == wanted).then_some(()));
}

#[test]
fn a_token_that_is_revoked_ends_at_every_gateway_and_stays_so() {
    let origin = origin();
    let platform = Platform::start();
    let edge = platform.node("edge", "");
    let client = managed(&platform, &origin.address().to_string());
    let (one, other) = (token(platform.address, &client), token(platform.address, &client));
    let both = [platform.address, edge.address];
    // Every worker may have verified them: a connection each, several times.
    for at in both {
        for (api, token) in [("orders", &one), ("open", &one), ("orders", &other)] {
            until_status(at, api, token, 200);
            (0..8).for_each(|_| assert_eq!(status(at, api, token), 200));
        }
    }
    // At the node's listener, which has the endpoint too.
    assert_eq!(post(edge.address, "revoke", &client, &format!("token={one}")).status, 200);
    for at in both {
        for api in ["orders", "open"] {
            until_status(at, api, &one, 401);
            (0..8).for_each(|_| assert_eq!(status(at, api, &one), 401));
        }
        assert_eq!(status(at, "orders", &other), 200, "the other one goes on");
    }
    let refused = ask(edge.address, "/open/hello", &format!("Authorization: Bearer {one}\r\n"));
    assert!(refused.text().contains("credential_invalid"), "{}", refused.text());
    let told = |token: &str| post(platform.address, "introspect", &client, &format!("token={token}")).text();
    assert!(told(&one).contains("\"active\":false") && told(&other).contains("\"active\":true"));

    // It is kept: by the node that starts without its control plane, and by the control plane itself.
    let edge = edge.crashed_and_restarted();
    assert_eq!([status(edge.address, "orders", &one), status(edge.address, "orders", &other)], [401, 200]);
    let platform = platform.stopped_and_restarted();
    assert_eq!([status(platform.address, "orders", &one), status(platform.address, "orders", &other)], [401, 200]);
    assert!(post(platform.address, "introspect", &client, &format!("token={one}")).text().contains("\"active\":false"));
}

#[test]
fn a_client_that_is_revoked_takes_its_tokens_along() {
    let origin = origin();
    let platform = Platform::start();
    let client = managed(&platform, &origin.address().to_string());
    let token = token(platform.address, &client);
    for api in ["orders", "open"] {
        until_status(platform.address, api, &token, 200);
    }
    let _ = platform.done(&["keys", "shop", "revoke", client["id"].as_str().unwrap()]);
    for api in ["orders", "open"] {
        until_status(platform.address, api, &token, 401);
    }
    assert_eq!(ask(platform.address, "/open/hello", "").status, 200, "nobody may still call what is open");
}
