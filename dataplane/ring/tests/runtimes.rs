//! What a worker relies on, with both drivers: every test runs on io_uring and on epoll.
//!
//! A test is the main task of a thread of its own, over loopback sockets. Where io_uring is refused (a sandbox, an old
//! kernel) only epoll is tested, and the test says so.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    cell::{Cell, RefCell},
    fs, io,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr},
    rc::Rc,
    sync::mpsc,
    time::Duration,
};
use tollgate_io::{Address, BUFFER_BYTES_RANGE, Buffer, Half, Io, Listener, Mailbox, Peek, SendList, Stream};
use tollgate_ring::{
    BoundListener, Driver, Inbox, Outbox, RingDatagram, RingDetached, RingIo, RingListener, RingStream, ThreadSpec,
    Tuning, bind, launch, mailbox, preflight,
};

/// Runs the body as a test with each driver.
macro_rules! on_both {
    ($(#[$doc:meta])* async fn $name:ident($io:ident: RingIo) $body:block) => {
        $(#[$doc])*
        #[test]
        fn $name() {
            for spec in drivers().into_iter().flat_map(specs) {
                let (done, outcome) = mpsc::channel();
                let thread = launch(spec.clone(), move |$io| Ok(async move {
                    $body
                    done.send(()).unwrap();
                })).unwrap();
                let panicked = thread.join().is_err();
                assert!(!panicked && outcome.recv().is_ok(), "failed with {spec:?}");
            }
        }
    };
}

/// Both, if the kernel lets us; `TOLLGATE_TEST_DRIVER=epoll` leaves the other out, for tools that do not know it.
fn drivers() -> Vec<Driver> {
    if std::env::var("TOLLGATE_TEST_DRIVER").is_ok_and(|driver| driver == "epoll") {
        return vec![Driver::Epoll];
    }
    match preflight::uring_support() {
        Ok(_) => vec![Driver::IoUring, Driver::Epoll],
        Err(error) => {
            eprintln!("io_uring is refused here ({error}): only epoll is tested");
            vec![Driver::Epoll]
        }
    }
}

fn spec(driver: Driver) -> ThreadSpec {
    ThreadSpec { name: "test".to_owned(), cpu: None, driver, buffers_kept: 8, tuning: Tuning::default() }
}

/// As it is by default, and at the ends of what may be tuned.
fn specs(driver: Driver) -> [ThreadSpec; 3] {
    let (least, most) = BUFFER_BYTES_RANGE.into_inner();
    let tunings = [
        Tuning::default(),
        Tuning {
            ring_entries: 64,
            buffer_bytes: least,
            turn_tasks: 8,
            task_transfers: 8,
            spin: Duration::from_micros(200),
        },
        Tuning {
            ring_entries: 4096,
            buffer_bytes: most,
            turn_tasks: 65_536,
            task_transfers: 1024,
            spin: Duration::ZERO,
        },
    ];
    tunings.map(|tuning| ThreadSpec { tuning, ..spec(driver) })
}

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

fn listen(io: &RingIo) -> RingListener {
    bind(ANY, 1).unwrap().remove(0).into_listener(io).unwrap()
}

/// A connection from one end to the other.
async fn pair(io: &RingIo) -> (RingStream, RingStream) {
    let listener = listen(io);
    let near = io.connect(listener.local().into()).await.unwrap();
    (near, listener.accept().await.unwrap())
}

async fn send_all<S: Stream>(stream: &S, list: SendList) -> io::Result<()> {
    let mut list = list;
    while !list.is_empty() {
        let (sent, rest) = stream.send(list).await;
        list = rest;
        sent?;
    }
    Ok(())
}

fn filled(io: &impl Io, bytes: &[u8]) -> Buffer {
    let mut buffer = io.buffers().take();
    assert!(buffer.append(bytes));
    buffer
}

/// Runs `task` beside the caller; the cell holds its result once it has ended.
fn beside<T: 'static>(io: &impl Io, task: impl Future<Output = T> + 'static) -> Rc<RefCell<Option<T>>> {
    let slot = Rc::new(RefCell::new(None));
    let result = slot.clone();
    io.spawn(async move {
        let value = task.await;
        result.replace(Some(value));
    });
    slot
}

/// Lets other tasks and the kernel go on until `condition` holds. Bounded by the test runner alone.
async fn until(io: &impl Io, condition: impl Fn() -> bool) {
    while !condition() {
        io.sleep_until(io.now() + Duration::from_millis(1)).await;
    }
}

on_both! {
    async fn bytes_arrive_behind_what_the_buffer_holds(io: RingIo) {
        let (near, far) = pair(&io).await;
        let frame = filled(&io, b"GET ");
        let (start, end) = (frame.start(), frame.start() + frame.len());
        let body = filled(&io, b"/path");
        let (from, to) = (body.start(), body.start() + body.len());
        let mut list = SendList::new(Some(frame), Some(body));
        list.push_frame(start, end);
        list.push_body(from, to);
        send_all(&near, list).await.unwrap();
        let mut got = filled(&io, b"> ");
        while got.len() < 11 {
            got = far.recv(Some(got)).await.unwrap();
        }
        assert_eq!(got.bytes(), b"> GET /path");
        drop(got);
        assert_eq!(io.buffers().in_use(), 0);
    }
}

on_both! {
    async fn an_idle_receive_holds_no_buffer(io: RingIo) {
        let (near, far) = pair(&io).await;
        let far = Rc::new(far);
        let got = beside(&io, { let far = far.clone(); async move { far.recv(None).await.unwrap().len() } });
        io.sleep_until(io.now() + Duration::from_millis(5)).await;
        assert_eq!(io.buffers().in_use(), 0);
        send_all(&near, SendList::whole(filled(&io, b"now"))).await.unwrap();
        until(&io, || got.borrow().is_some()).await;
        assert_eq!(*got.borrow(), Some(3));
    }
}

on_both! {
    /// Far more than the sockets hold: the sender has to wait for the receiver again and again.
    async fn back_pressure_loses_nothing(io: RingIo) {
        const TOTAL: usize = 64 << 20;
        let (near, far) = pair(&io).await;
        let sender = io.clone();
        let sent = beside(&io, async move {
            let mut left = TOTAL;
            while left > 0 {
                let mut buffer = sender.buffers().take();
                let count = left.min(buffer.spare_len());
                for (at, byte) in buffer.spare_mut()[..count].iter_mut().enumerate() {
                    *byte = ((TOTAL - left + at) % 251) as u8;
                }
                buffer.grow(count);
                send_all(&near, SendList::whole(buffer)).await.unwrap();
                left -= count;
            }
            near.shutdown(Half::Write);
            // Kept open until the receiver is through.
            near
        });
        let mut at = 0;
        loop {
            let buffer = far.recv(None).await.unwrap();
            if buffer.is_empty() {
                break;
            }
            assert!(buffer.bytes().iter().zip(at..).all(|(byte, at)| *byte == (at % 251) as u8), "at {at}");
            at += buffer.len();
        }
        assert_eq!(at, TOTAL);
        until(&io, || sent.borrow().is_some()).await;
    }
}

on_both! {
    async fn one_direction_ends_and_the_other_goes_on(io: RingIo) {
        let (near, far) = pair(&io).await;
        near.shutdown(Half::Write);
        far.readable().await.unwrap();
        assert_eq!(far.peek(), Peek::Finished);
        assert!(far.recv(None).await.unwrap().is_empty(), "the end of the stream");
        send_all(&far, SendList::whole(filled(&io, b"answer"))).await.unwrap();
        assert_eq!(near.recv(None).await.unwrap().bytes(), b"answer");
    }
}

/// Whether both kinds of transfer, in flight on one stream, complete when it is ended by `end`.
async fn completes_both(io: &RingIo, near: RingStream, end: fn(&RingStream)) {
    let near = Rc::new(near);
    let received = {
        let near = near.clone();
        beside(io, async move { near.recv(None).await.map_or(0, |buffer| buffer.len()) })
    };
    let sent = {
        let (near, sender) = (near.clone(), io.clone());
        beside(io, async move {
            // Nobody receives: it ends only with the stream.
            while send_all(&*near, SendList::whole(filled(&sender, &[b'x'; 16_000]))).await.is_ok() {}
        })
    };
    io.sleep_until(io.now() + Duration::from_millis(20)).await;
    assert!(received.borrow().is_none() && sent.borrow().is_none(), "both wait");
    end(&near);
    until(io, || received.borrow().is_some() && sent.borrow().is_some()).await;
    assert_eq!(io.buffers().in_use(), 0);
    let (sent, list) = near.send(SendList::whole(filled(io, b"late"))).await;
    assert!(sent.is_err() && !list.is_empty(), "later transfers fail");
}

on_both! {
    async fn an_abort_completes_what_is_in_flight(io: RingIo) {
        let (near, _far) = pair(&io).await;
        completes_both(&io, near, Stream::abort).await;
    }
}

on_both! {
    async fn a_reset_completes_what_is_in_flight(io: RingIo) {
        let (near, _far) = pair(&io).await;
        completes_both(&io, near, Stream::reset).await;
    }
}

on_both! {
    async fn a_reset_never_looks_like_an_end(io: RingIo) {
        let (near, far) = pair(&io).await;
        send_all(&near, SendList::whole(filled(&io, b"half"))).await.unwrap();
        assert_eq!(far.recv(None).await.unwrap().bytes(), b"half");
        near.reset();
        // What the worker does with every stream it has broken.
        near.abort();
        drop(near);
        assert_eq!(far.recv(None).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }
}

on_both! {
    async fn a_dropped_stream_is_closed_for_its_peer(io: RingIo) {
        let (near, far) = pair(&io).await;
        drop(near);
        assert!(far.recv(None).await.unwrap().is_empty());
    }
}

on_both! {
    async fn news_are_told_of_silence_is_not(io: RingIo) {
        let (near, far) = pair(&io).await;
        send_all(&far, SendList::whole(filled(&io, b"answer"))).await.unwrap();
        assert_eq!(near.recv(None).await.unwrap().len(), 6);
        assert_eq!(near.peek(), Peek::Silent);
        drop(far);
        until(&io, || near.peek() == Peek::Finished).await;
        until(&io, || near.has_news()).await;
    }
}

on_both! {
    async fn what_waits_in_a_socket_that_is_released_is_its_other_owners(io: RingIo) {
        let bound = bind(ANY, 1).unwrap().remove(0);
        let theirs = BoundListener::adopt(bound.handle().duplicate().unwrap().unwrap()).unwrap();
        let (one, other) = (bound.into_listener(&io).unwrap(), theirs.into_listener(&io).unwrap());
        let near = io.connect(one.local().into()).await.unwrap();
        one.release();
        assert!(one.accept().await.is_err());
        drop(one);
        let far = other.accept().await.unwrap();
        send_all(&near, SendList::whole(filled(&io, b"hello"))).await.unwrap();
        assert_eq!(far.recv(None).await.unwrap().bytes(), b"hello");
    }
}

on_both! {
    async fn a_refused_connect_says_so(io: RingIo) {
        let listener = listen(&io);
        let closed = listener.local();
        listener.close();
        assert!(listener.accept().await.is_err());
        drop(listener);
        // The kernel lets go of the socket with the next turn.
        io.sleep_until(io.now() + Duration::from_millis(1)).await;
        let error = io.connect(closed.into()).await.err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
}

on_both! {
    async fn a_sleep_can_be_overtaken_and_dropped(io: RingIo) {
        let begun = io.now();
        let order = Rc::new(RefCell::new(Vec::new()));
        for millis in [30, 10, 20] {
            let (sleeper, order) = (io.clone(), order.clone());
            io.spawn(async move {
                sleeper.sleep_until(begun + Duration::from_millis(millis)).await;
                assert!(sleeper.now() >= begun + Duration::from_millis(millis));
                order.borrow_mut().push(millis);
            });
        }
        drop(io.sleep_until(begun + Duration::from_secs(3600)));
        until(&io, || order.borrow().len() == 3).await;
        assert_eq!(*order.borrow(), [10, 20, 30]);
    }
}

on_both! {
    /// A pair of tasks that always can go on does not keep a timer from firing.
    async fn a_busy_connection_leaves_others_their_turn(io: RingIo) {
        let (near, far) = pair(&io).await;
        let stop = Rc::new(Cell::new(false));
        let busy = {
            let (io, stop) = (io.clone(), stop.clone());
            async move {
                while !stop.get() {
                    send_all(&near, SendList::whole(filled(&io, &[b'x'; 1000]))).await.unwrap();
                    let mut got = 0;
                    while got < 1000 {
                        got += far.recv(None).await.unwrap().len();
                    }
                }
            }
        };
        let ended = beside(&io, busy);
        io.sleep_until(io.now() + Duration::from_millis(20)).await;
        stop.set(true);
        until(&io, || ended.borrow().is_some()).await;
    }
}

/// Whoever starts it learns why, and nothing runs.
#[test]
fn a_thread_that_cannot_take_what_it_is_given_does_not_start() {
    for driver in drivers() {
        let launched = launch(spec(driver), |_| Err::<std::future::Ready<()>, _>(io::ErrorKind::AddrInUse.into()));
        assert_eq!(launched.unwrap_err().kind(), io::ErrorKind::AddrInUse, "{driver:?}");
    }
}

/// Messages from another thread arrive in order; the end of all senders ends the mailbox.
#[test]
fn a_mailbox_wakes_its_thread() {
    for driver in drivers() {
        let (outbox, inbox): (Outbox<u32>, _) = mailbox(2).unwrap();
        let (done, outcome) = mpsc::channel();
        let thread = launch(spec(driver), move |io| {
            let mailbox = inbox.into_mailbox(&io)?;
            Ok(async move {
                let mut got = Vec::new();
                while let Some(message) = mailbox.receive().await {
                    got.push(message);
                }
                done.send(got).unwrap();
            })
        })
        .unwrap();
        for message in 0..1000 {
            // Full: the other thread has not come round yet.
            while outbox.send(message).is_err() {
                std::thread::yield_now();
            }
        }
        drop(outbox);
        assert_eq!(outcome.recv().unwrap(), (0..1000).collect::<Vec<_>>(), "{driver:?}");
        thread.join().unwrap();
    }
}

on_both! {
    /// A socket in the file system is a stream like any other; one nobody listens at refuses.
    async fn a_socket_in_the_file_system_carries_bytes(io: RingIo) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("echo.sock");
        assert!(io.connect(Address::Unix(&path)).await.is_err());
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let echo = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut word = [0; 5];
            Read::read_exact(&mut stream, &mut word).unwrap();
            Write::write_all(&mut stream, &word).unwrap();
        });
        let stream = io.connect(Address::Unix(&path)).await.unwrap();
        send_all(&stream, SendList::whole(filled(&io, b"hello"))).await.unwrap();
        assert_eq!(stream.recv(None).await.unwrap().bytes(), b"hello");
        echo.join().unwrap();
    }
}

on_both! {
    async fn a_datagram_comes_whole_and_from_its_peer_only(io: RingIo) {
        let peer = std::net::UdpSocket::bind(ANY).unwrap();
        let datagram = RingDatagram::connect(&io, peer.local_addr().unwrap()).unwrap();
        datagram.send(b"question").await.unwrap();
        let mut question = [0; 64];
        let (count, from) = peer.recv_from(&mut question).unwrap();
        assert_eq!(&question[..count], b"question");
        std::net::UdpSocket::bind(ANY).unwrap().send_to(b"forged", from).unwrap();
        peer.send_to(b"answer", from).unwrap();
        assert_eq!(datagram.recv(64).await.unwrap(), b"answer");
    }
}

on_both! {
    /// Connections that come and go in every way leave no descriptor behind, nor a connect that was given up.
    async fn descriptors_are_given_back(io: RingIo) {
        let listener = listen(&io);
        let address = listener.local();
        for round in 0..2_000 {
            let near = io.connect(address.into()).await.unwrap();
            let far = listener.accept().await.unwrap();
            match round % 4 {
                0 => drop(near),
                1 => far.abort(),
                2 => drop(far),
                _ => send_all(&near, SendList::whole(filled(&io, b"unread"))).await.unwrap(),
            }
        }
        // Tests of this process run beside this one and hold a few.
        until(&io, || fs::read_dir("/proc/self/fd").unwrap().count() < 300).await;
    }
}

on_both! {
    /// Its registration, and with it its place in the table of descriptors, is another's by then.
    async fn a_detached_stream_is_heard_of_no_more(io: RingIo) {
        let (near, far) = pair(&io).await;
        let Ok(detached) = near.detach() else { panic!("nothing is in flight") };
        io.sleep_until(io.now() + Duration::from_millis(1)).await;
        let (quiet, _peer) = pair(&io).await;
        send_all(&far, SendList::whole(filled(&io, b"for the other"))).await.unwrap();
        io.sleep_until(io.now() + Duration::from_millis(5)).await;
        assert!(!quiet.has_news());
        let near = io.adopt(detached).unwrap();
        assert!(near.has_news(), "nothing is known, so anything may be");
        assert_eq!(near.recv(None).await.unwrap().bytes(), b"for the other");
        send_all(&near, SendList::whole(filled(&io, b"answer"))).await.unwrap();
        assert_eq!(far.recv(None).await.unwrap().bytes(), b"answer");
        drop(near);
        assert!(far.recv(None).await.unwrap().is_empty(), "closed by whoever has it");
    }
}

/// Moves between two threads, by the mailbox of each.
const MOVES: u32 = 1_000;

/// Answers one message, then passes the stream on when the next has arrived, or now and then at once.
async fn carry(io: RingIo, inbox: Inbox<RingDetached>, other: Outbox<RingDetached>) {
    let mailbox = inbox.into_mailbox(&io).unwrap();
    for turn in 0..MOVES / 2 {
        let stream = io.adopt(mailbox.receive().await.unwrap()).unwrap();
        let buffer = stream.recv(None).await.unwrap();
        assert_eq!(buffer.len(), 4, "one message and nothing else");
        send_all(&stream, SendList::whole(buffer)).await.unwrap();
        if turn % 3 != 0 {
            stream.readable().await.unwrap();
        }
        let Ok(detached) = stream.detach() else { panic!("nothing is in flight") };
        // Nobody receives the last.
        let _ = other.send(detached);
    }
}

/// Every message is answered once and in order, whichever thread had the stream when it arrived.
#[test]
fn a_stream_moves_between_live_runtimes_a_thousand_times() {
    for driver in drivers() {
        let ends: [(Outbox<RingDetached>, _); 2] = [mailbox(1).unwrap(), mailbox(1).unwrap()];
        let [(first, inbox), (second, other_inbox)] = ends;
        let (to_second, to_first) = (second.clone(), first.clone());
        let (told, address) = mpsc::channel();
        let carriers = [
            launch(spec(driver), move |io| {
                Ok(async move {
                    let listener = listen(&io);
                    told.send(listener.local()).unwrap();
                    let Ok(detached) = listener.accept().await.unwrap().detach() else { panic!("it is fresh") };
                    to_first.send(detached).unwrap();
                    drop(to_first);
                    carry(io, inbox, to_second).await;
                })
            }),
            launch(spec(driver), move |io| Ok(carry(io, other_inbox, first))),
        ];
        let mut client = std::net::TcpStream::connect(address.recv().unwrap()).unwrap();
        client.set_nodelay(true).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        for message in 0..=MOVES {
            let answered = client.write_all(&message.to_be_bytes());
            if message == MOVES {
                break;
            }
            answered.unwrap();
            let mut answer = [0; 4];
            client.read_exact(&mut answer).unwrap();
            assert_eq!(u32::from_be_bytes(answer), message, "{driver:?}");
        }
        for carrier in carriers {
            carrier.unwrap().join().unwrap();
        }
        drop(second);
    }
}

/// A message that nobody will receive is dropped or comes back, and never stays in between.
#[test]
fn a_mailbox_of_nobody_keeps_nothing() {
    let (outbox, inbox): (Outbox<Rc<()>>, _) = mailbox(2).unwrap();
    let message = Rc::new(());
    outbox.send(message.clone()).unwrap();
    drop(inbox);
    assert_eq!(Rc::strong_count(&message), 1, "what waited is gone");
    assert!(outbox.send(message.clone()).is_err());
    assert_eq!(Rc::strong_count(&message), 1);
}
