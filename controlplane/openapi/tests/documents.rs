//! Whole documents in, APIs out, and documents again.

use serde_json::{Value, json};
use tollgate_openapi::{
    Dialect, Endpoint, Exported, ParameterPlace, Policies, RoutePath, SchemeKind, Stage, export, import,
};

const SHOP: &str = "\
openapi: 3.0.3
info: { title: 'Shop & Orders', version: 1.2.0, description: What is sold. }
servers:
  - url: https://shop.example.com/v1
security:
  - key: []
components:
  securitySchemes:
    key: { type: apiKey, in: header, name: X-API-Key }
  parameters:
    Id: { name: id, in: path, required: true, schema: { type: string } }
x-kong-plugin-rate-limiting:
  config: { minute: 100, day: 5000, limit_by: ip }
paths:
  /orders:
    get:
      operationId: listOrders
      tags: [orders]
      parameters:
        - { name: page, in: query }
      responses: { 200: { description: Some. } }
    post:
      summary: Order something
      security: []
      responses: { '201': { description: Done. } }
      x-wso2-throttling-tier: 10KPerMin
  /orders/{id}:
    parameters: [ { $ref: '#/components/parameters/Id' } ]
    get: { deprecated: true, responses: { 200: { description: One. } } }
  /files/{name}.{ext}:
    get: { responses: { 200: { description: A file. } }, x-odd: 1 }
";

fn policies(value: Value) -> Policies {
    if let Value::Object(policies) = value { policies } else { panic!("a mapping") }
}

#[test]
fn an_api_of_openapi_3() {
    let api = import(SHOP).unwrap();
    assert_eq!((api.dialect, api.name.as_str(), api.version.as_str()), (Dialect::OpenApi30, "shop-orders", "1.2.0"));
    assert_eq!(api.base_path, "/v1");
    assert_eq!(api.endpoints, [Endpoint { origin: "https://shop.example.com".into(), stage: Stage::Production }]);
    assert_eq!(api.schemes[0].kind, SchemeKind::HeaderKey("X-API-Key".into()));
    let throttle = json!([{ "name": "per-minute", "key": "client_ip", "limit": 100, "per": "minute" }]);
    let quota = json!([{ "name": "per-day", "key": "client_ip", "limit": 5000, "per": "day" }]);
    assert_eq!(api.policies, policies(json!({ "throttle": throttle, "quota": quota })));

    let names: Vec<_> = api.operations.iter().map(|operation| operation.name.as_str()).collect();
    assert_eq!(names, ["listOrders", "post-orders", "get-orders-id", "get-files-name-.-ext"]);
    let [list, order, one, file] = &api.operations[..] else { panic!() };
    assert_eq!((list.parameters[0].name.as_str(), list.parameters[0].place), ("page", ParameterPlace::Query));
    assert_eq!((list.need.as_ref(), order.need.as_ref().map(Vec::len)), (None, Some(0)));
    assert_eq!(order.policies["throttle"][0]["limit"], 10_000);
    assert_eq!(one.path, RoutePath::Template("/v1/orders/{id}".into()));
    assert!(one.is_deprecated && one.parameters[0].is_required);
    assert!(matches!(&file.path, RoutePath::Regex(_)));
    let notes: Vec<_> = api.notes.iter().map(|note| (note.place.as_str(), note.line > 0)).collect();
    let path = "#/paths/~1files~1{name}.{ext}/get";
    assert_eq!(notes, [(path, true), (path, true), (&*format!("{path}/x-odd"), true)]);
}

#[test]
fn an_api_of_swagger_in_json() {
    let text = json!({
        "swagger": "2.0", "info": { "title": "Pets", "version": "1" }, "host": "pets.example.com", "basePath": "/api/",
        "schemes": ["https"], "securityDefinitions": { "o": { "type": "oauth2", "flow": "application" } },
        "x-wso2-production-endpoints": { "urls": ["http://10.0.0.1:8080/pets"] },
        "x-wso2-cors": { "accessControlAllowOrigins": ["https://a.example"], "accessControlAllowCredentials": true },
        "x-apigateway-ratelimits": { "slow": { "api-limit": 5, "ip-limit": 2, "interval": 1, "unit": "SECOND" } },
        "paths": { "/pets/{pet-id}": { "get": {
            "parameters": [ { "in": "path", "name": "pet-id" }, { "in": "body", "name": "b" } ],
            "responses": { "200": { "description": "A pet" } },
            "security": [ { "o": ["read"] } ],
            "x-apigateway-ratelimit": "slow",
            "x-apigateway-backend": { "type": "MOCK", "mockEndpoints": { "result-content": "{}" } },
        } } },
    });
    let api = import(&text.to_string()).unwrap();
    assert_eq!((api.dialect, api.base_path.as_str()), (Dialect::Swagger20, "/api"));
    assert_eq!(api.endpoints, [Endpoint { origin: "http://10.0.0.1:8080".into(), stage: Stage::Production }]);
    assert_eq!(api.policies["cors"], json!({ "origins": ["https://a.example"], "credentials": true }));
    let pet = &api.operations[0];
    assert_eq!(pet.path, RoutePath::Template("/api/pets/{pet_id}".into()));
    assert_eq!(pet.need.as_ref().unwrap()[0]["o"], ["read"]);
    assert_eq!(pet.parameters.len(), 1);
    assert_eq!(pet.policies["mock"]["body"], "{}");
    assert_eq!(pet.policies["throttle"].as_array().unwrap().len(), 2);
    assert!(api.notes.is_empty(), "{:?}", api.notes);
}

#[test]
fn plugins_in_our_words() {
    let plugin = |name: &str, config: Value| {
        let mut document = json!({ "openapi": "3.1.0", "info": { "title": "a" }, "paths": { "/": { "get": {} } } });
        document[format!("x-kong-plugin-{name}")] = json!({ "config": config });
        Value::Object(import(&document.to_string()).unwrap().policies)
    };
    let cases = [
        ("ip-restriction", json!({ "allow": ["10.0.0.0/8"] }), json!({ "ip": { "allow": ["10.0.0.0/8"] } })),
        (
            "cors",
            json!({ "origins": ["*"], "credentials": true, "max_age": 60, "exposed_headers": ["X-A"] }),
            json!({ "cors": { "origins": ["*"], "max_age": "60s", "expose": ["X-A"] } }),
        ),
        ("request-size-limiting", json!({ "allowed_payload_size": 8 }), json!({ "limits": { "body_bytes": "8MiB" } })),
        (
            "request-transformer",
            json!({ "add": { "headers": ["X-A:1"] }, "remove": { "querystring": ["q"] } }),
            json!({ "request_headers": { "add": [{ "name": "X-A", "value": "1" }] }, "request_query": { "remove": ["q"] } }),
        ),
        (
            "request-termination",
            json!({ "status_code": 418, "body": "no" , "content_type": "text/plain" }),
            json!({ "mock": { "status": 418, "body": "no", "content_type": "text/plain" } }),
        ),
        (
            "key-auth",
            json!({ "key_names": ["k"], "key_in_query": false }),
            json!({ "identify": [{ "api_key": { "header": "k" } }] }),
        ),
        ("oauth2", json!({}), json!({})),
    ];
    for (name, config, expected) in cases {
        assert_eq!(plugin(name, config), expected, "{name}");
    }
}

#[test]
fn what_must_be_mended_is_told_at_once_with_its_place() {
    let text = "openapi: 3.0.0\ninfo: {}\npaths:\n  pets: {get: {}}\n  /a/{x}: {get: {}}\n  /a/{y}: {get: {}}\n  /b/{: {get: {}}\n";
    let mistakes = import(text).unwrap_err().0;
    let told: Vec<_> = mistakes.iter().map(|mistake| (mistake.line, mistake.place.as_str())).collect();
    assert_eq!(told, [(4, "#/paths/pets"), (6, "#/paths/~1a~1{y}/get"), (7, "#/paths/~1b~1{"), (1, "#")]);
    for (text, word) in [
        ("", "neither"),
        ("a: [", "YAML"),
        ("openapi: 4.0.0", "4.0.0"),
        ("openapi: 3.0.0\ninfo: {title: a}\npaths: {}", "nothing to serve"),
    ] {
        let error = import(text).unwrap_err().to_string();
        assert!(error.contains(word), "{text}: {error}");
    }
}

#[test]
fn references_that_lead_nowhere_or_in_a_circle_are_notes() {
    let text = "openapi: 3.0.0\ninfo: {title: a}\ncomponents: {parameters: {A: {$ref: '#/components/parameters/B'}, B: {$ref: \
                '#/components/parameters/A'}}}\npaths:\n  /: {get: {parameters: [{$ref: '#/components/parameters/A'}, {$ref: \
                'other.yaml#/x'}]}}\n  /x: {$ref: 'paths.yaml'}\n";
    let api = import(text).unwrap();
    assert_eq!((api.operations.len(), api.notes.len()), (1, 3), "{:?}", api.notes);
}

#[test]
fn what_is_exported_is_imported_again() {
    let api = import(SHOP).unwrap();
    let own = policies(json!({ "ip": { "deny": ["10.0.0.0/8"] } }));
    let key = ("POST".to_owned(), "/orders".to_owned());
    let servers = vec!["https://api.example.com/v1".to_owned()];
    let with = Exported { servers, policies: own.clone(), operations: [(key, own.clone())].into() };
    let document = export(&api, &with);
    assert_eq!(document["components"], api.document["components"]);
    let again = import(&document.to_string()).unwrap();
    assert_eq!(again.endpoints[0].origin, "https://api.example.com");
    let order = again.operations.iter().find(|operation| operation.method == "POST").unwrap();
    assert_eq!((&again.policies["ip"], &order.policies["ip"]), (&own["ip"], &own["ip"]));
    let same = export(&again, &Exported { servers: vec![], policies: own.clone(), operations: with.operations });
    assert_eq!(import(&same.to_string()).unwrap(), again);
    let bare = import(&export(&again, &Exported::default()).to_string()).unwrap();
    assert!(!bare.policies.contains_key("ip"));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(at in 0..SHOP.len(), with in "[a-z{}\\[\\]:#/$\"'*&!0-9 \n-]{0,6}", cut in 0..20_usize) {
        let end = (at + cut).min(SHOP.len());
        // All of it is ASCII.
        if let Ok(api) = import(&format!("{}{with}{}", &SHOP[..at], &SHOP[end..])) {
            proptest::prop_assert!(!api.operations.is_empty());
            let with = Exported { policies: api.policies.clone(), ..Exported::default() };
            let again = import(&export(&api, &with).to_string());
            proptest::prop_assert!(again.is_ok(), "{:?}", again);
        }
    }
}
