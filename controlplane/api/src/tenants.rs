//! Tenants, and how somebody gets in: the setup of an installation, tokens of members, who one is.
//!
//! An installation without any member has a setup token, printed when it starts. With it the first tenant and its first
//! member are made, an operator and owner; then it is gone. There is no password and nothing to be guessed.

use crate::{
    answer::Answer,
    call::{self, Call},
    change::Change,
    endpoint::{Endpoint, Outcome, PAGE},
    problem::Problem,
    resource::{named, page},
    token::{self, MemberToken, SetupToken},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tollgate_domain::{Action, Made, Member, Name, Role, Tenant, member::check_title};
use tollgate_store::{Expect, Query, Record, Records as _, Rows, Space};

const TOKENS: &str = "/tenants/{tenant}/members/{member}/tokens";

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint::post("/setup", "setUp", "Makes the first tenant and its owner, with the token that was printed.", setup)
        .bodies("Setup", "IssuedToken")
        .public(),
    Endpoint::get("/me", "getMe", "Who asks, and what they may do.", me).bodies("", "Me").may(Action::ReadCatalog),
    Endpoint::get(
        "/tenants",
        "listTenants",
        "Lists the tenants that are seen: all by operators, else one's own.",
        list,
    )
    .query(PAGE)
    .bodies("", "[Tenant]")
    .may(Action::ReadCatalog),
    Endpoint::get("/tenants/{tenant}", "getTenant", "A tenant.", get).bodies("", "Tenant").may(Action::ReadCatalog),
    Endpoint::put("/tenants/{tenant}", "putTenant", "Writes a tenant; only operators make a new one.", put)
        .bodies("Tenant", "Tenant")
        .makes_tenant()
        .may(Action::WriteTenant),
    Endpoint::get(TOKENS, "listTokens", "Lists the tokens of a member, without their texts.", tokens)
        .query(PAGE)
        .bodies("", "[Token]")
        .may(Action::ReadMembers),
    Endpoint::post(TOKENS, "issueToken", "Issues a token; its text is in this answer and nowhere else.", issue)
        .bodies("IssueToken", "IssuedToken")
        .may(Action::WriteMembers),
    Endpoint::delete(
        "/tenants/{tenant}/members/{member}/tokens/{id}",
        "removeToken",
        "Ends a token of a member.",
        remove,
    )
    .may(Action::WriteMembers),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Setup {
    token: String,
    tenant: Name,
    member: Name,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct IssueToken {
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    expires_s: Option<u64>,
}

fn setup(change: &mut Change<'_>) -> Outcome {
    let call = change.call;
    let Setup { token, tenant, member } = call.body()?;
    let kept = change.load::<SetupToken>(Space::Installation, "setup")?;
    if !kept.is_some_and(|kept| kept.record.is(&token)) {
        return Err(Problem::unauthenticated());
    }
    change.remove::<SetupToken>(Space::Installation, "setup", Expect::Any)?;
    let first = Tenant { name: tenant.clone(), title: None, policies: tollgate_domain::Policies::default() };
    change.save(Space::Installation, &first, Expect::Absent, "write")?;
    let owner = Member {
        name: member.clone(),
        title: None,
        email: None,
        roles: [Role::Owner].into(),
        operator: true,
        disabled: false,
    };
    change.save(Space::Tenant(&tenant), &owner, Expect::Absent, "write")?;
    let made = Made { by: member.clone(), at_s: call.now_s(), note: None };
    issued(change, (tenant, member), Some("setup".to_owned()), None, made)
}

/// Issues a token and answers with its text.
fn issued(
    change: &mut Change<'_>,
    (tenant, member): (Name, Name),
    title: Option<String>,
    expires_s: Option<u64>,
    made: Made,
) -> Outcome {
    let (token, text) = MemberToken::issue((tenant.clone(), member), title, expires_s, made)?;
    change.rows_of_token(&tenant, &token)?;
    Ok(Answer::created(&json!({ "token": shown(&token), "secret": text })))
}

impl Change<'_> {
    /// Tokens are found without knowing the tenant, and told of in the tenant.
    fn rows_of_token(&mut self, tenant: &Name, token: &MemberToken) -> Result<(), Problem> {
        use tollgate_store::RecordsMut as _;
        self.rows.save(Space::Installation, token, Expect::Absent)?;
        self.tell(Space::Tenant(tenant), (MemberToken::KIND, token.key(), "issue"), None, Some(token))
    }
}

fn shown(token: &MemberToken) -> Value {
    json!({ "id": token.id, "member": token.member, "title": token.title, "expires_s": token.expires_s, "made": token.made })
}

fn me(call: &Call, _: &dyn Rows) -> Outcome {
    let actor = &call.permit()?.actor;
    let reach: Map<String, Value> = Action::all()
        .filter_map(|action| {
            let reach = actor.may(action, &actor.tenant).ok()?;
            Some((format!("{action:?}"), json!(format!("{reach:?}").to_lowercase())))
        })
        .collect();
    Ok(Answer::of(&json!({
        "tenant": actor.tenant,
        "member": actor.member,
        "roles": actor.roles,
        "operator": actor.operator,
        "may": reach,
    })))
}

fn list(call: &Call, rows: &dyn Rows) -> Outcome {
    let actor = &call.permit()?.actor;
    let found = rows.load_page::<Tenant>(&call.page(Query::of(Tenant::KIND, Space::Installation))?)?;
    let is_seen = |tenant: &Tenant| actor.operator || tenant.name == actor.tenant;
    Ok(page(found, |kept| is_seen(&kept.record).then(|| json!(kept.record))))
}

fn get(call: &Call, rows: &dyn Rows) -> Outcome {
    let kept = rows.load::<Tenant>(Space::Installation, call.tenant()?.as_str())?.ok_or_else(Problem::not_found)?;
    Ok(Answer::of(&kept.record).tagged(kept.etag))
}

fn put(change: &mut Change<'_>) -> Outcome {
    let call = change.call;
    let name = call.tenant()?;
    let mut body = call.body()?;
    named(&mut body, "name", name.as_str())?;
    let tenant: Tenant = call::read(body)?;
    tenant.check()?;
    let written = change.save(Space::Installation, &tenant, call.expect()?, "write")?;
    let answer = if written.is_new { Answer::created(&tenant) } else { Answer::of(&tenant) };
    Ok(answer.tagged(written.etag))
}

/// The member of the path.
fn member(call: &Call, rows: &dyn Rows) -> Result<Member, Problem> {
    let name: Name = call.named("member")?;
    Ok(rows.load::<Member>(call.space()?, name.as_str())?.ok_or_else(Problem::not_found)?.record)
}

fn tokens(call: &Call, rows: &dyn Rows) -> Outcome {
    let parent = format!("{}/{}", call.tenant()?, member(call, rows)?.name);
    let query = Query { parent: Some(&parent), ..Query::of(MemberToken::KIND, Space::Installation) };
    Ok(page(rows.load_page::<MemberToken>(&call.page(query)?)?, |kept| Some(shown(&kept.record))))
}

fn issue(change: &mut Change<'_>) -> Outcome {
    let call = change.call;
    let IssueToken { title, expires_s } = call.body()?;
    check_title("title", title.as_deref())?;
    let member = member(call, change.rows)?;
    if member.operator {
        // Nobody gets more than they have by issuing a token.
        call.permit()?.actor.may(Action::Operate, call.tenant()?)?;
    }
    if expires_s.is_some_and(|expires_s| expires_s <= call.now_s()) {
        return Err(Problem::invalid("expires_s", "it would have expired already", "write a time to come, or none"));
    }
    issued(change, (call.tenant()?.clone(), member.name), title, expires_s, call.made(None)?)
}

fn remove(change: &mut Change<'_>) -> Outcome {
    let call = change.call;
    let (tenant, member) = (call.tenant()?, member(call, change.rows)?);
    let id: String = call.named("id")?;
    let kept = change.wanted::<MemberToken>(Space::Installation, &id)?;
    if kept.record.tenant != *tenant || kept.record.member != member.name {
        return Err(Problem::not_found());
    }
    if member.operator {
        call.permit()?.actor.may(Action::Operate, tenant)?;
    }
    token::end(change, &kept.record, call.expect()?)?;
    Ok(Answer::done())
}
