//! What a node may expect of its streams, clock and mailbox, and that a worker that breaks the seam's contract is found.

use std::{
    cell::RefCell,
    future::poll_fn,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    rc::Rc,
    task::Poll,
    time::Duration,
};
use tollgate_io::{Half, Instant, Io, Listener, Mailbox, Peek, Post, SendList, Stream};
use tollgate_sim::{Conditions, Endpoint, Leftovers, Node, SimStream, Simulation};

const NODE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const LISTEN: SocketAddr = SocketAddr::new(NODE, 8080);

/// Runs `worker` on a node that has one accepted stream, whose peer is `client`, with a few seeds.
fn with_stream<W: Future<Output = ()> + 'static, C: Future<Output = ()> + 'static>(
    conditions: &Conditions,
    client: impl Fn(Endpoint) -> C + Copy + 'static,
    worker: impl Fn(Node, SimStream) -> W + Copy + 'static,
) {
    for seed in 0..8 {
        with_stream_of(&Simulation::new(seed, conditions.clone()), client, worker);
    }
}

fn with_stream_of<W: Future<Output = ()> + 'static, C: Future<Output = ()> + 'static>(
    simulation: &Simulation,
    client: impl Fn(Endpoint) -> C + 'static,
    worker: impl Fn(Node, SimStream) -> W + 'static,
) {
    let (world, node) = (simulation.world(), simulation.node(NODE));
    let (listener, task_node) = (node.listen(LISTEN), node.clone());
    node.spawn(async move {
        let stream = listener.accept().await.expect("the client dials");
        worker(task_node, stream).await;
    });
    let dialer = world.clone();
    world.spawn(async move { client(dialer.dial(NODE, LISTEN).await.expect("the node listens")).await });
    simulation.run_until_idle();
    assert_eq!(simulation.leftovers(), Leftovers::default());
}

fn whole(node: &Node, bytes: &[u8]) -> SendList {
    let mut buffer = node.buffers().take();
    assert!(buffer.append(bytes));
    SendList::whole(buffer)
}

/// Keeps a client's end open until the simulation ends.
async fn silent(end: Endpoint) {
    let mut bytes = Vec::new();
    while matches!(end.read(&mut bytes, 1_000).await, Ok(1..)) {}
}

#[test]
#[should_panic(expected = "two of a receive in flight at once")]
fn two_receives_at_once_are_refused() {
    with_stream(&Conditions::default(), silent, |node, stream| async move {
        let stream = Rc::new(stream);
        let other = stream.clone();
        node.spawn(async move { drop(other.recv(None).await) });
        drop(stream.recv(None).await);
    });
}

#[test]
#[should_panic(expected = "two of a send in flight at once")]
fn two_sends_at_once_are_refused() {
    let narrow = Conditions { capacity_bytes: 1, ..Conditions::default() };
    with_stream(&narrow, silent, |node, stream| async move {
        let stream = Rc::new(stream);
        let (other, list) = (stream.clone(), whole(&node, b"abc"));
        drop(stream.send(whole(&node, b"fill")).await);
        node.spawn(async move { drop(other.send(list).await) });
        drop(stream.send(whole(&node, b"def")).await);
    });
}

#[test]
#[should_panic(expected = "dropped a receive in flight")]
fn a_dropped_receive_is_found() {
    with_stream(&Conditions::default(), silent, |node, stream| async move {
        let mut receive = Box::pin(stream.recv(None));
        let poll = poll_fn(|context| Poll::Ready(receive.as_mut().poll(context))).await;
        assert!(poll.is_pending());
        node.sleep_until(Instant::from_nanos(1)).await;
    });
}

#[test]
fn an_abort_completes_the_receive_in_flight() {
    with_stream(&Conditions::default(), silent, |node, stream| async move {
        let stream = Rc::new(stream);
        let (other, at) = (stream.clone(), node.now() + Duration::from_secs(3));
        let task_node = node.clone();
        node.spawn(async move {
            task_node.sleep_until(at).await;
            other.abort();
        });
        let received = stream.recv(None).await;
        assert_eq!(node.now(), at);
        assert!(received.map_or(true, |buffer| buffer.is_empty()));
        assert_eq!(stream.peek(), Peek::Broken);
        assert!(stream.send(whole(&node, b"late")).await.0.is_err());
    });
}

#[test]
fn a_reset_is_seen_as_one_by_the_peer() {
    let client = |end: Endpoint| async move {
        let (mut bytes, mut read) = (Vec::new(), Ok(1));
        while matches!(read, Ok(1..)) {
            read = end.read(&mut bytes, 1_000).await;
        }
        assert_eq!(read.map_err(|error| error.kind()), Err(std::io::ErrorKind::ConnectionReset));
    };
    with_stream(&Conditions::default(), client, |node, stream| async move {
        assert!(stream.send(whole(&node, b"half")).await.0.is_ok());
        stream.reset();
        assert!(stream.send(whole(&node, b"late")).await.0.is_err());
        stream.abort();
    });
}

#[test]
fn a_shut_read_half_ends_the_receive_and_still_sends() {
    let client = |end: Endpoint| async move {
        let mut bytes = Vec::new();
        while matches!(end.read(&mut bytes, 1_000).await, Ok(1..)) {}
        assert_eq!(bytes, b"answer");
    };
    with_stream(&Conditions::default(), client, |node, stream| async move {
        let stream = Rc::new(stream);
        let (other, task_node) = (stream.clone(), node.clone());
        node.spawn(async move {
            task_node.sleep_until(task_node.now() + Duration::from_secs(1)).await;
            other.shutdown(Half::Read);
        });
        assert!(stream.recv(None).await.expect("an end, no error").is_empty());
        assert_eq!(stream.send(whole(&node, b"answer")).await.0.ok(), Some(6));
        stream.shutdown(Half::Write);
    });
}

#[test]
fn a_finished_peer_is_read_to_its_end() {
    let client = |end: Endpoint| async move {
        end.write_all(b"last words").await.expect("the node reads");
        end.finish();
        silent(end).await;
    };
    with_stream(&Conditions::default(), client, |node, stream| async move {
        assert_eq!(stream.peek(), Peek::Silent);
        stream.readable().await.expect("bytes come");
        assert_eq!(stream.peek(), Peek::Bytes);
        let mut buffer = stream.recv(Some(node.buffers().take())).await.expect("bytes");
        while buffer.len() < 10 {
            buffer = stream.recv(Some(buffer)).await.expect("bytes");
        }
        assert_eq!(stream.recv(Some(buffer)).await.expect("the end").bytes(), b"last words");
        assert_eq!(stream.peek(), Peek::Finished);
    });
}

#[test]
fn a_reset_breaks_both_sides_and_loses_what_was_under_way() {
    let client = |end: Endpoint| async move {
        end.write_all(b"lost").await.expect("there is room");
        end.reset();
        assert!(end.write_all(b"more").await.is_err());
    };
    with_stream(&Conditions::default(), client, |node, stream| async move {
        assert!(stream.recv(None).await.is_err());
        assert!(stream.send(whole(&node, b"late")).await.0.is_err());
    });
}

#[test]
#[should_panic(expected = "polls without end")]
fn a_busy_wait_is_found() {
    let simulation = Simulation::new(1, Conditions::default());
    simulation.world().spawn(poll_fn(|context| {
        context.waker().wake_by_ref();
        Poll::Pending
    }));
    simulation.run_until_idle();
}

#[test]
fn the_clock_jumps_and_stops_at_a_deadline() {
    let simulation = Simulation::new(1, Conditions::default());
    let (world, woke) = (simulation.world(), Rc::new(RefCell::new(Vec::new())));
    for seconds in [5, 1, 3] {
        let (inner, woke) = (world.clone(), woke.clone());
        world.spawn(async move {
            inner.sleep_until(Instant::default() + Duration::from_secs(seconds)).await;
            woke.borrow_mut().push(inner.now().nanos() / 1_000_000_000);
        });
    }
    simulation.run_for(Duration::from_secs(4));
    assert_eq!((woke.borrow().clone(), world.now().nanos()), (vec![1, 3], 4_000_000_000));
    simulation.run_until_idle();
    assert_eq!((woke.borrow().clone(), world.now().nanos()), (vec![1, 3, 5], 5_000_000_000));
}

#[test]
fn closing_with_unread_bytes_resets_the_peer() {
    let client = |end: Endpoint| async move {
        end.write_all(b"never read").await.expect("there is room");
        let mut bytes = Vec::new();
        let read = end.read(&mut bytes, 1_000).await;
        assert!(read.is_err(), "the answer was under way when the reset overtook it: {read:?}");
    };
    with_stream(&Conditions::default(), client, |node, stream| async move {
        stream.readable().await.expect("bytes come");
        assert_eq!(stream.send(whole(&node, b"answer")).await.0.ok(), Some(6));
    });
}

#[test]
fn a_mailbox_delivers_in_order_and_ends() {
    let simulation = Simulation::new(1, Conditions::default());
    let (world, node) = (simulation.world(), simulation.node(NODE));
    let (sender, mailbox) = world.mailbox();
    node.spawn(async move {
        assert_eq!(mailbox.receive().await, Some(1));
        assert_eq!(mailbox.receive().await, Some(2));
        assert_eq!(mailbox.receive().await, None);
    });
    simulation.run_until_idle();
    sender.send(1);
    sender.send(2);
    drop(sender);
    simulation.run_until_idle();
    assert_eq!(simulation.leftovers(), Leftovers::default());
}

#[test]
fn a_detached_stream_keeps_what_has_arrived() {
    let client = |end: Endpoint| async move {
        end.write_all(b"before ").await.expect("the node reads");
        end.world().sleep(1_000_000_000).await;
        end.write_all(b"after").await.expect("the other node reads");
        let mut bytes = Vec::new();
        while matches!(end.read(&mut bytes, 1_000).await, Ok(1..)) {}
        assert_eq!(bytes, b"answer");
    };
    for seed in 0..8 {
        let simulation = Simulation::new(seed, Conditions::default());
        let other = simulation.node(NODE);
        with_stream_of(&simulation, client, move |node, stream| {
            let other = other.clone();
            async move {
                stream.readable().await.expect("bytes come");
                let Ok(detached) = stream.detach() else { panic!("nothing is in flight") };
                node.sleep_until(node.now() + Duration::from_secs(2)).await;
                let stream = other.adopt(detached).expect("nothing fails here");
                let mut buffer = stream.recv(None).await.expect("bytes");
                while buffer.len() < 12 {
                    buffer = stream.recv(Some(buffer)).await.expect("bytes");
                }
                assert_eq!(buffer.bytes(), b"before after");
                assert_eq!(stream.send(whole(&other, b"answer")).await.0.ok(), Some(6));
            }
        });
    }
}

#[test]
fn a_stream_that_nobody_adopts_is_closed() {
    let client = |end: Endpoint| async move {
        assert!(matches!(end.read(&mut Vec::new(), 1_000).await, Ok(0)));
    };
    with_stream(&Conditions::default(), client, |_, stream| async move {
        let Ok(detached) = stream.detach() else { panic!("nothing is in flight") };
        drop(detached);
    });
}

#[test]
fn a_full_mailbox_and_one_of_nobody_give_the_message_back() {
    let simulation = Simulation::new(1, Conditions::default());
    let (sender, mailbox) = simulation.world().bounded_mailbox(1);
    assert_eq!((sender.post(1), sender.post(2)), (Ok(()), Err(2)));
    drop(mailbox);
    assert_eq!(sender.post(3), Err(3));
}
