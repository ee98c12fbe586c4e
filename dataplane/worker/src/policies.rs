//! The policies of routes in an exchange: what a phase answers in place of the action, what a response gets.
//!
//! A route without policies has a plain chain, in which every question is a look at a null pointer. Nothing here allocates
//! but what the policies themselves say they do: a preflight's answer, a changed query, an origin of a pattern.

use crate::{
    Program,
    connection::Connection,
    exchange::{Machine, ResponseSink},
    forward::Forwarded,
    probe::verdict_of,
    route_program::RouteProgram,
    throttle::rules_of,
};
use std::{borrow::Cow, net::IpAddr, sync::Arc};
use tollgate_http::{Answer, Reason, RequestHead, client_of};
use tollgate_io::Io;
use tollgate_model::FixedAnswer;
use tollgate_policy::{Admission, Chain, Check, Phase, Preflight, Request, Step, Throttled};
use tollgate_probe::Note;
use tollgate_route::Found;

/// What a request waits with before its phases go on.
pub(crate) enum Pending {
    /// A token that has to be verified.
    Check(Box<Check>),
    /// The store that nodes share has to decide.
    Store(Box<Admission>),
}

/// What is answered before the route's action.
pub(crate) enum Early<'a> {
    /// An error, with the methods that would be taken for 405.
    Refused(Reason, Option<String>),
    /// 204 with these field lines.
    Preflight(Vec<u8>),
    /// What a policy says in place of the action.
    Mock(&'a FixedAnswer),
    /// What rules say that refuse the request.
    Throttled(Throttled<'a>),
}

impl<I: Io> Connection<I> {
    /// Who sent this request: the peer, or whom a trusted peer speaks for.
    pub(crate) fn client(&self, program: &Program, head: &RequestHead<'_>, is_trusted: bool) -> IpAddr {
        let peer = self.peer();
        if !is_trusted {
            return peer;
        }
        client_of(head, peer, program.forwarded, |address| program.snapshot.trusted_proxies.contains(address))
    }
}

impl<'p, I: Io> Machine<'_, 'p, I> {
    /// The route of a request. That of a preflight is the route of the request that shall follow, if it answers them.
    pub(crate) fn find(&self, head: &RequestHead<'_>) -> Found<&'p Arc<RouteProgram>> {
        let table = &self.program.table;
        let request = tollgate_route::Request::of(self.connection.listening.slot as usize, head);
        if let Some(Preflight { method, .. }) = Preflight::of(head)
            && let Found::Route(route) = table.find(&tollgate_route::Request { method, ..request })
            && route.chain.has_cors()
        {
            return Found::Route(route);
        }
        table.find(&request)
    }

    /// The policies of the route, once there is one.
    pub(crate) fn chain(&self) -> Option<&'p Chain> {
        self.outcome.route.get().map(|route| &route.chain)
    }

    /// The phases before an endpoint is chosen, or those up to one that has to wait: then what it waits with.
    pub(crate) fn pass_phases(
        &self,
        route: &'p RouteProgram,
        head: &RequestHead<'_>,
    ) -> Result<Option<Pending>, Early<'p>> {
        if let Some(changes) = route.chain.response_changes(head) {
            // One route per exchange, so it is empty.
            let _ = self.changes.set(changes);
        }
        let (guard, rest) = Phase::BEFORE_FORWARD.split_at(Phase::IDENTIFY);
        self.pass(guard, route, head)?;
        if let Some(identity) = route.chain.identity()
            && let Some(check) = self.identify(identity, head)?
        {
            return Ok(Some(Pending::Check(check)));
        }
        self.pass_identified(rest, route, head)
    }

    /// The phases from identify on, once it is known who calls.
    fn pass_identified(
        &self,
        phases: &[Phase],
        route: &'p RouteProgram,
        head: &RequestHead<'_>,
    ) -> Result<Option<Pending>, Early<'p>> {
        let (before, after) = phases.split_at(Phase::THROTTLE - Phase::IDENTIFY);
        self.pass(before, route, head)?;
        if let Some(rules) = rules_of(self.outcome) {
            let request = Request { head, client: self.client, caller: self.outcome.caller.get() };
            let waiting = self.throttle(rules, &request).map_err(Early::Throttled)?;
            if let Some(admission) = waiting {
                return Ok(Some(Pending::Store(admission)));
            }
        }
        self.pass(after, route, head).map(|()| None)
    }

    /// The rest of the phases, for a request that has to wait.
    pub(crate) async fn pass_pending(
        &self,
        route: &'p RouteProgram,
        head: &RequestHead<'_>,
        pending: Pending,
    ) -> Result<&'p RouteProgram, Early<'p>> {
        let idle = route.timeouts.idle;
        let pending = match pending {
            Pending::Check(check) => {
                self.check(check, idle).await?;
                if let Some(identity) = route.chain.identity()
                    && self.identify(identity, head)?.is_some()
                {
                    // So many others came between that what was told is forgotten again.
                    return Err(Early::Refused(Reason::Overloaded, None));
                }
                self.pass_identified(&Phase::BEFORE_FORWARD[Phase::IDENTIFY..], route, head)?
            }
            store @ Pending::Store(_) => Some(store),
        };
        if let Some(Pending::Store(admission)) = pending
            && let Some(rules) = rules_of(self.outcome)
        {
            self.await_store(rules, admission, idle).await?;
            self.pass(&Phase::BEFORE_FORWARD[Phase::THROTTLE..], route, head)?;
        }
        Ok(route)
    }

    fn pass(&self, phases: &[Phase], route: &'p RouteProgram, head: &RequestHead<'_>) -> Result<(), Early<'p>> {
        let request = Request { head, client: self.client, caller: self.outcome.caller.get() };
        for &phase in phases {
            match self.step(route, phase, &request) {
                Step::Continue => {}
                Step::Refuse(reason) => return Err(Early::Refused(reason, None)),
                Step::Preflight(lines) => return Err(Early::Preflight(lines)),
                Step::Mock(answer) => return Err(Early::Mock(answer)),
            }
        }
        Ok(())
    }

    /// What a phase says; if the request is watched, what each policy of it says is noted.
    fn step(&self, route: &'p RouteProgram, phase: Phase, request: &Request<'_>) -> Step<'p> {
        if self.outcome.tracer.is_none() {
            return route.chain.step(phase, request);
        }
        let name = if phase == Phase::Guard { "guard" } else { "transform_request" };
        route.chain.step_told(phase, request, |policy, step| {
            self.trace(|| Note::new(name, policy, verdict_of(step)));
        })
    }

    /// Answers before the route's action.
    pub(crate) async fn answer_early(
        &self,
        early: Early<'_>,
        reply: &mut impl ResponseSink,
    ) -> Result<Forwarded, Reason> {
        match early {
            Early::Refused(reason, allow) => self.fail(reason, allow.as_deref(), reply).await,
            Early::Preflight(lines) => self.answer_preflight(&lines, reply).await,
            Early::Mock(answer) => self.answer_fixed(answer, reply).await,
            Early::Throttled(Throttled { reason, answer: None }) => self.fail(reason, None, reply).await,
            Early::Throttled(Throttled { reason, answer: Some(answer) }) => {
                self.outcome.reason.set(Some(reason));
                self.answer_fixed(answer, reply).await
            }
        }
    }

    /// Answers 204 with `lines` and without those of other responses.
    async fn answer_preflight(&self, lines: &[u8], reply: &mut impl ResponseSink) -> Result<Forwarded, Reason> {
        let fields: [(&str, &[u8]); 1] = [("X-Request-Id", self.request_id)];
        self.answer_own(Answer { status: 204, fields: &fields, lines, ..Answer::default() }, b"", reply).await
    }

    /// The target to ask for when the query is changed; `target` else, which is empty for that of the request.
    pub(crate) fn change_query<'t>(&self, target: Cow<'t, [u8]>, head: &RequestHead<'_>) -> Cow<'t, [u8]> {
        let Some(edits) = self.chain().and_then(Chain::query_edits) else { return target };
        let asked = if target.is_empty() { head.target() } else { &target };
        let query = asked.splitn(2, |&byte| byte == b'?').nth(1).unwrap_or_default();
        if !edits.changes(query) {
            return target;
        }
        let (path, query) = if target.is_empty() {
            (head.path(), head.query().unwrap_or_default())
        } else {
            let path = target.split(|&byte| byte == b'?').next().unwrap_or_default();
            (path, target.get(path.len() + 1..).unwrap_or_default())
        };
        let mut changed = path.to_vec();
        edits.apply(query, &mut changed);
        Cow::Owned(changed)
    }
}
