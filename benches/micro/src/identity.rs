//! Who calls.

use crate::{
    Step,
    applications::{API, APPLICATIONS, NOON_S, all, key},
    config,
    fixed::Numbers,
    step::InTurn,
};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use std::hint::black_box;
use tollgate_identity::{Issuer, KeyRegistry, Tokens, Verdict, authorize, identify_key, identify_token, verify};
use tollgate_model::{Applications, Authorize, Method};

/// A key among those of 10,000 applications, and whether its application may call.
pub(crate) fn known_key() -> Step {
    let (all, mut numbers, asked) = (all(), Numbers::new(), authorization());
    let mut keys = InTurn::<_, 64>::new(|_| key(numbers.below(APPLICATIONS)));
    Step::new(move || {
        let caller = identify_key(&all, black_box(keys.next().as_bytes()), NOON_S).expect("the key holds");
        assert!(authorize(&asked, &caller).is_ok());
    })
}

fn authorization() -> Authorize {
    let policies =
        config::policies(&format!("identify: [ {{ api_key: {{ header: X-API-Key }} }} ], authorize: {{ api: {API} }}"));
    policies.authorize.as_deref().expect("there is such a policy").clone()
}

/// The issuer of tokens, and one of them, signed with Ed25519.
fn issued() -> (Vec<Issuer>, String) {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("32 bytes are a seed");
    let public = URL_SAFE_NO_PAD.encode(pair.public_key());
    let policies = config::policies(&format!(
        "identify: [ {{ jwt: {{ issuer: \"https://id.example.com\", audience: [ orders ], jwks: '{{ \"keys\": [ {{ \"kty\": \"OKP\", \
         \"crv\": \"Ed25519\", \"kid\": \"k1\", \"x\": \"{public}\" }} ] }}' }} }} ]"
    ));
    let methods = &policies.identify.as_ref().expect("there is such a policy").methods;
    let jwts = methods.iter().filter_map(|method| if let Method::Jwt(jwt) = method { Some(jwt.clone()) } else { None });
    let issuers = jwts.map(|jwt| Issuer::new(jwt, &mut KeyRegistry::default())).collect();
    let claims = format!(
        "{{\"iss\":\"https://id.example.com\",\"aud\":\"orders\",\"sub\":\"alice\",\"scope\":\"orders:read orders:write\",\
         \"client_id\":\"mobile\",\"exp\":{}}}",
        NOON_S + 300
    );
    let [header, claims] = ["{\"alg\":\"EdDSA\",\"kid\":\"k1\"}", &claims].map(|part| URL_SAFE_NO_PAD.encode(part));
    let signed = format!("{header}.{claims}");
    let signature = URL_SAFE_NO_PAD.encode(pair.sign(signed.as_bytes()));
    (issuers, format!("{signed}.{signature}"))
}

/// A token that the worker has seen.
pub(crate) fn known_token() -> Step {
    let ((issuers, token), mut tokens, nobody) = (issued(), Tokens::default(), Applications::default());
    let Verdict::Final(verdict) = verify(&issuers, token.as_bytes()) else { panic!("the keys are written") };
    tokens.put(1, token.as_bytes().into(), verdict);
    Step::new(move || {
        let known = tokens.get(1, black_box(token.as_bytes())).expect("the token is known").expect("it holds");
        assert!(identify_token(&nobody, &known, NOON_S).is_ok());
    })
}

/// The same when it comes for the first time.
pub(crate) fn verify_token() -> Step {
    let (issuers, token) = issued();
    Step::new(move || {
        let verdict = verify(&issuers, black_box(token.as_bytes()));
        assert!(matches!(verdict, Verdict::Final(Ok(_))));
    })
}
