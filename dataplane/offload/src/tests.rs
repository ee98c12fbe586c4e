//! The queue has a bound, jobs come back to whoever asked, and threads end with their pool.

use super::*;
use std::sync::{Arc, mpsc};
use tollgate_policy::Check;

fn job(worker: usize, ticket: usize) -> Box<Job> {
    Box::new(Job::new(worker, ticket, Check::of_nobody()))
}

#[test]
fn a_job_comes_back_done() {
    let (done, jobs) = mpsc::sync_channel(1);
    let answer: Answer = Arc::new(move |job: Box<Job>| done.send((job.worker, job.ticket, job.is_done())).unwrap());
    let pool = Pool::start(2, &answer).unwrap();
    drop(answer);
    for ticket in 0..10 {
        assert!(pool.begin(job(7, ticket)).is_ok());
        assert_eq!(jobs.recv(), Ok((7, ticket, true)));
    }
    drop(pool);
    assert!(jobs.recv().is_err(), "the threads have ended");
}

#[test]
fn a_full_queue_gives_the_job_back() {
    let (release, released) = channel::bounded::<()>(0);
    let answer: Answer = Arc::new(move |_| {
        let _ = released.recv();
    });
    let pool = Pool::start(1, &answer).unwrap();
    // One is with the thread, perhaps.
    let begun = (0..QUEUE_MAX + 2).take_while(|ticket| pool.begin(job(0, *ticket)).is_ok()).count();
    assert!((QUEUE_MAX..=QUEUE_MAX + 1).contains(&begun));
    assert_eq!(pool.begin(job(0, 9999)).map_err(|job| job.ticket), Err(9999));
    drop(release);
}

#[test]
fn a_job_that_panics_is_answered_and_so_is_the_next() {
    let (queue, jobs) = channel::bounded(2);
    let (done, answers) = mpsc::channel();
    (0..2).for_each(|ticket| queue.send(job(0, ticket)).unwrap());
    drop(queue);
    let answer = move |job: Box<Job>| done.send((job.ticket, job.is_done())).unwrap();
    serve(jobs, &answer, |job| if job.ticket == 0 { panic!("this is a test") } else { job.run() });
    assert_eq!(answers.try_iter().collect::<Vec<_>>(), [(0, false), (1, true)]);
}
