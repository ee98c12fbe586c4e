//! Documents of each format as they are shown.

use super::*;
use serde_json::{Value, json};

fn shown(text: &str) -> Value {
    json!(Reference::read(text).unwrap())
}

const DOCUMENT: &str = "\
openapi: 3.1.0
info: { title: Orders, version: '1', description: 'What *is* sold.' }
tags: [ { name: orders, description: All of them. } ]
security: [ { key: [] }, { token: [], key: [] } ]
components:
  securitySchemes:
    key: { type: apiKey, in: header, name: X-API-Key }
    token: { type: oauth2 }
  schemas:
    Order:
      type: object
      required: [id]
      properties:
        id: { type: string, format: uuid, readOnly: true }
        count: { type: [integer, 'null'], minimum: 1 }
        parts: { type: array, items: { $ref: '#/components/schemas/Order' } }
paths:
  /orders/{id}:
    parameters:
      - { name: id, in: path, required: true, schema: { type: string } }
    get:
      tags: [orders]
      summary: One of them
      parameters: [ { name: full, in: query, schema: { type: boolean, default: true } } ]
      responses:
        '200':
          description: It.
          content: { application/json: { schema: { $ref: '#/components/schemas/Order' } } }
    put:
      security: []
      requestBody:
        required: true
        content: { application/json: { schema: { $ref: '#/components/schemas/Order' } } }
      responses: {}
";

#[test]
fn operations_have_what_they_take_and_answer() {
    let reference = Reference::read(DOCUMENT).unwrap();
    let shown = json!(reference);
    assert_eq!(
        (&shown["groups"][0]["name"], &shown["groups"][0]["description"]),
        (&json!("orders"), &json!("All of them."))
    );
    let get = &shown["groups"][0]["operations"][0];
    let names: Vec<_> = get["parameters"].as_array().unwrap().iter().map(|one| (&one["name"], &one["place"])).collect();
    assert_eq!(names, [(&json!("full"), &json!("query")), (&json!("id"), &json!("path"))]);
    assert_eq!(get["parameters"][0]["example"], "true");
    assert_eq!(get["security"], json!(["key", "token + key"]));
    assert_eq!(shown["schemes"][0]["what"], "API key in the header X-API-Key");
    let rows = get["answers"][0]["contents"][0]["shape"]["rows"].as_array().unwrap();
    let rows: Vec<_> = rows.iter().map(|row| (row["name"].as_str().unwrap(), row["kind"].as_str().unwrap())).collect();
    // An order within an order is named and not shown again.
    assert_eq!(rows, [("id", "string (uuid)"), ("count", "integer or null"), ("parts", "array of object Order")]);
    let put = reference.operation("put /orders/{id}").unwrap();
    assert!(put.security.is_empty());
    let example: Value = serde_json::from_str(&put.body.as_ref().unwrap().contents[0].example).unwrap();
    assert_eq!(example, json!({ "count": 1, "parts": [null] }));
    assert!(reference.operation("get /orders").is_none());
}

#[test]
fn swagger_is_shown_in_the_same_words() {
    let shown = shown(
        "swagger: '2.0'\ninfo: { title: Old, version: '1' }\nconsumes: [application/json]\n\
         securityDefinitions: { key: { type: apiKey, in: query, name: k } }\n\
         definitions: { Item: { type: object, properties: { name: { type: string, maxLength: 5 } } } }\n\
         paths:\n  /items:\n    post:\n      parameters:\n        - { name: item, in: body, required: true, \
         schema: { $ref: '#/definitions/Item' } }\n        - { name: page, in: query, type: integer, enum: [1, 2] }\n      \
         responses: { '201': { description: Made., schema: { $ref: '#/definitions/Item' } } }\n",
    );
    let post = &shown["groups"][0]["operations"][0];
    assert_eq!(post["body"]["contents"][0]["media"], "application/json");
    assert_eq!(post["body"]["contents"][0]["shape"]["rows"][0]["notes"], json!(["characters at most 5"]));
    assert_eq!(
        post["parameters"],
        json!([{ "name": "page", "place": "query", "is_required": false, "description": "",
        "kind": "integer", "notes": ["one of 1, 2"], "example": "", "choices": ["1", "2"] }])
    );
    assert_eq!(post["answers"][0]["status"], "201");
}

/// Each part of itself twice: without bounds there would be no end.
#[test]
fn no_document_is_without_end() {
    let mut text = "openapi: 3.0.0\ninfo: { title: T, version: '1' }\ncomponents:\n  schemas:\n".to_owned();
    for at in 0..30 {
        text.push_str(&format!("    S{at}:\n      type: object\n      properties:\n"));
        for part in 0..30 {
            text.push_str(&format!("        p{part}: {{ $ref: '#/components/schemas/S{part}' }}\n"));
        }
    }
    text.push_str("paths:\n");
    for at in 0..OPERATIONS_SHOWN_MAX + 1 {
        let answer = if at == 0 { "content: { a/b: { schema: { $ref: '#/components/schemas/S0' } } }" } else { "x: 1" };
        text.push_str(&format!("  /p{at}: {{ get: {{ responses: {{ '200': {{ {answer} }} }} }} }}\n"));
    }
    let shown = shown(&text);
    assert_eq!(shown["is_cut"], true);
    let rows = &shown["groups"][0]["operations"][0]["answers"][0]["contents"][0]["shape"]["rows"];
    assert_eq!(rows.as_array().unwrap().len(), crate::limits::PROPERTIES_SHOWN_MAX);
}

#[test]
fn what_is_no_document_is_told() {
    assert!(Reference::read("a: [").is_err() && Reference::read("{}").is_err());
    assert_eq!(shown("openapi: 3.0.0\npaths: 7\ninfo: x\n")["groups"], json!([]));
}
