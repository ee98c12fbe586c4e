//! Every model, in every order of at most three preemptions: more have been needed to show a known fault for one of them only.

use tollgate_loom::{balance, limit, ring, telemetry, worker};

fn check(model: fn(), preemptions: usize) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

macro_rules! models {
    ($($crate_name:ident: $($model:ident),+;)+) => {
        $($(#[test] fn $model() { check($crate_name::$model, 3); })+)+
    };
}

models! {
    balance: two_endpoints_never_share_a_number, a_window_counts_what_is_in_it, a_window_changes_as_a_whole,
        the_last_endpoint_is_not_ejected, a_version_is_never_ahead_of_its_list, a_breaker_opens_once,
        no_more_probes_than_allowed, one_failed_probe_is_enough, a_sliding_window_loses_nothing, an_adaptive_limit_holds;
    limit: a_key_gets_one_entry, a_key_gets_the_last_entry, a_forgotten_key_is_not_admitted_twice, keys_without_an_entry_share_one_bucket, a_lease_is_nobody_elses, who_entered_leaves,
        a_quota_is_kept_as_its_window_changes, what_is_given_back_is_of_its_own_window, what_is_given_back_can_be_taken_again,
        a_key_is_forgotten_with_its_window, a_change_is_written_down, a_bucket_has_each_unit_once;
    ring: no_message_is_left_behind;
    telemetry: a_counter_only_grows, every_block_is_read_and_so_is_the_end, an_empty_block_comes_back_once;
    worker: a_parked_connection_is_in_one_place, a_sweep_loses_none, a_promise_is_kept_once;
}

#[test]
fn what_is_counted_after_closing_stays() {
    check(balance::what_is_counted_after_closing_stays, 5);
}
