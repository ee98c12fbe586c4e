//! Documents as people write them, and as they should not.

use super::*;

const ORDERS: &str = r##"
openapi: 3.0.3
info: { title: Orders, version: "1" }
servers: [ { url: "https://{host}/{stage}/orders/", variables: { host: { default: a.example }, stage: { default: v1 } } } ]
paths:
  /orders:
    get:
      parameters:
        - { name: limit, in: query, schema: { type: integer, example: 20 } }
        - { name: after, in: query, schema: { type: string } }
        - { name: tenant, in: query, required: true, schema: { type: string, enum: [ "a b", c ] } }
        - { name: X-Trace, in: header, required: true, schema: { type: string, minLength: 3 } }
        - { name: session, in: cookie, required: true, example: s1 }
        - { name: Accept, in: header, required: true, example: text/html }
    post:
      requestBody: { $ref: "#/components/requestBodies/Order" }
  /orders/{id}/{part}:
    parameters:
      - { name: id, in: path, required: true, schema: { type: integer } }
      - $ref: "#/components/parameters/Part"
    get: { parameters: [ { name: id, in: path, required: true, example: 17 } ] }
    delete: {}
  /broken/{missing}:
    get: {}
components:
  parameters:
    Part: { name: part, in: path, required: true, schema: { $ref: "#/components/schemas/Part" } }
  schemas:
    Part: { type: string, format: uuid }
  requestBodies:
    Order:
      content:
        application/json:
          schema:
            allOf:
              - { type: object, required: [ count ], properties: { count: { type: integer }, note: { type: string } } }
              - { required: [ tags, gift ], properties: { tags: { type: array, items: { type: string } }, gift: { type: boolean } } }
"##;

const SAFE: Options<'_> = Options { base: None, all_methods: false };

fn of(text: &str, options: Options<'_>) -> Result<Sourced, String> {
    read(Path::new("api.yaml"), text, options).map_err(|error| error.to_string())
}

#[test]
fn each_operation_is_a_request_with_its_examples() {
    let sourced = of(ORDERS, SAFE).unwrap();
    let paths: Vec<_> = sourced.requests.iter().map(|request| request.path.as_str()).collect();
    assert_eq!(
        paths,
        ["/v1/orders/orders?limit=20&tenant=a%20b", "/v1/orders/orders/17/00000000-0000-4000-8000-000000000000"]
    );
    let headers =
        [("X-Trace", "aaa"), ("Cookie", "session=s1")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(sourced.requests[0].headers, headers);
    let notes = sourced.notes.join("\n");
    assert!(notes.contains("GET /broken/{missing} left out: no parameter of it"), "{notes}");
    assert!(notes.contains("2 operations with unsafe methods left out; --all-methods"), "{notes}");
}

#[test]
fn unsafe_methods_have_bodies_and_are_sent_when_asked_for() {
    let sourced = of(ORDERS, Options { base: Some("/base"), all_methods: true }).unwrap();
    let post = sourced.requests.iter().find(|request| request.method == "POST").unwrap();
    assert_eq!(post.path, "/base/orders");
    assert_eq!(post.headers, [("Content-Type".to_owned(), "application/json".to_owned())]);
    let body: Value = serde_json::from_slice(&post.body).unwrap();
    assert_eq!(body, serde_json::json!({ "count": 1, "tags": ["a"], "gift": true }));
    assert_eq!(sourced.requests.iter().filter(|request| request.method == "DELETE").count(), 1);
}

#[test]
fn a_schema_of_itself_ends() {
    let text = r##"
openapi: 3.0.3
paths:
  /loop: { get: { requestBody: { content: { application/json: { schema: { $ref: "#/components/schemas/Tree" } } } } } }
components:
  schemas:
    Tree: { required: [ id, a, b, c ], properties: { id: { type: integer, minimum: 5 }, a: { $ref: "#/components/schemas/Tree" },
      b: { $ref: "#/components/schemas/Tree" }, c: { $ref: "#/components/schemas/Tree" } } }
"##;
    let sourced = of(text, SAFE).unwrap();
    let body: Value = serde_json::from_slice(&sourced.requests[0].body).unwrap();
    assert_eq!((&body["id"], &body["a"]["a"]["id"]), (&Value::from(5), &Value::from(5)));
}

#[test]
fn json_is_read_too_and_three_one() {
    let text = r#"{"openapi":"3.1.0","paths":{"/a/{n}":{"get":{"parameters":[
        {"name":"n","in":"path","schema":{"type":["null","integer"],"exclusiveMinimum":6}}]}}}}"#;
    assert_eq!(of(text, SAFE).unwrap().requests[0].path, "/a/7");
}

#[test]
fn what_is_no_document_is_said() {
    for (text, expected) in [
        ("{", "no YAML or JSON"),
        ("swagger: '2.0'\npaths: {}\n", "convert one of version 2"),
        ("hello\n", "no OpenAPI 3 document"),
        ("openapi: 3.0.0\n", "no request can be made"),
        ("openapi: 3.0.0\npaths: { /a: { post: {} } }\n", "--all-methods"),
        ("openapi: 3.0.0\npaths: { /a: { $ref: '#/paths/~1a' } }\n", "no request can be made"),
        (
            "openapi: 3.0.0\npaths: { '/{a}': { get: { parameters: [ { name: a, in: path, schema: { type: object } } ] } } }\n",
            "give it an `example`",
        ),
    ] {
        let error = of(text, SAFE).unwrap_err();
        assert!(error.starts_with("api.yaml") && error.contains(expected), "{text}{error}");
    }
}
