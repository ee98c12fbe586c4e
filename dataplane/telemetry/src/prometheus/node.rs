//! The sections of the node: its configuration, queues, access log, certificates, keys of issuers and process.
//!
//! What workers do not count comes as [`crate::NodeFigures`]; what is missing there is left out.

use super::{Scrape, Seconds};
use crate::{Gauge, ProcessFigures, limits::CERTIFICATES_MAX, names};

impl Scrape<'_> {
    pub(super) fn config(&mut self) {
        let config = &self.registry.config;
        self.single(&names::CONFIG_GENERATION, &[], config.generation.value());
        self.header(&names::WORKER_GENERATION);
        for (index, worker) in self.registry.workers.iter().enumerate() {
            self.sample(&names::WORKER_GENERATION, "", &[&index.to_string()], None, worker.generation.value());
        }
        self.single(&names::CONFIG_DIGEST, &[], config.digest.value());
        let results = [("applied", &config.applied), ("unchanged", &config.unchanged), ("refused", &config.refused)];
        self.header(&names::CONFIG_CHANGES);
        for (result, changes) in results {
            self.sample(&names::CONFIG_CHANGES, "", &[result], None, changes.count.value());
        }
        self.single(&names::CONFIG_LAST_CHANGE_OK, &[], config.is_last_ok.value());
        self.header(&names::CONFIG_LAST_CHANGE);
        for (result, changes) in results {
            self.sample_if_any(&names::CONFIG_LAST_CHANGE, &[result], changes.last_s.value());
        }
        self.single(&names::READY, &[], u64::from(self.node.is_ready));
    }

    pub(super) fn queues(&mut self) {
        self.header(&names::MAILBOX_MESSAGES);
        for (index, waiting) in self.node.mailboxes.iter().enumerate() {
            self.sample(&names::MAILBOX_MESSAGES, "", &[&index.to_string()], None, *waiting as u64);
        }
        let buffers = self.registry.workers.iter().map(|worker| &worker.buffers_in_use).map(Gauge::value);
        self.single(&names::BUFFERS_IN_USE, &[], buffers.sum::<u64>());
    }

    pub(super) fn access_log(&mut self) {
        let journal = &self.registry.journal;
        self.single(&names::ACCESS_RECORDS_WRITTEN, &[], journal.records_written.value());
        self.header(&names::ACCESS_RECORDS_DROPPED);
        let dropped = self.sum(|worker| worker.access_records_dropped.value());
        self.sample(&names::ACCESS_RECORDS_DROPPED, "", &["queue_full"], None, dropped);
        self.sample(&names::ACCESS_RECORDS_DROPPED, "", &["write_error"], None, journal.records_lost.value());
        self.single(&names::ACCESS_LOG_BYTES, &[], journal.bytes_written.value());
        let queue = self.registry.log_queue.get();
        let (blocks, blocks_max) = queue.map_or((0, 0), |queue| (queue.blocks(), queue.blocks_max()));
        self.single(&names::ACCESS_LOG_QUEUE, &[], blocks);
        self.single(&names::ACCESS_LOG_QUEUE_MAX, &[], blocks_max);
    }

    pub(super) fn keys(&mut self) {
        self.header(&names::JWKS_FETCHED);
        for keys in &self.node.keys {
            self.sample_if_any(&names::JWKS_FETCHED, &[&keys.url], keys.fetched_s);
        }
        self.header(&names::JWKS_FAILURES);
        for keys in &self.node.keys {
            self.sample(&names::JWKS_FAILURES, "", &[&keys.url], None, keys.failures);
        }
    }

    pub(super) fn certificates(&mut self) {
        self.header(&names::CERTIFICATE_EXPIRY);
        for certificate in self.node.certificates.iter().take(CERTIFICATES_MAX) {
            let labels = [&*certificate.listener, &*certificate.name, certificate.key];
            self.sample(&names::CERTIFICATE_EXPIRY, "", &labels, None, certificate.not_after_s);
        }
    }

    pub(super) fn process(&mut self) {
        let Some(ProcessFigures { cpu_ms, started_ms, resident_bytes, virtual_bytes, threads, open_fds, max_fds }) =
            self.node.process
        else {
            return;
        };
        self.single(&names::PROCESS_CPU, &[], Seconds::from_ms(cpu_ms));
        self.single(&names::PROCESS_START, &[], Seconds::from_ms(started_ms));
        self.single(&names::PROCESS_RESIDENT, &[], resident_bytes);
        self.single(&names::PROCESS_VIRTUAL, &[], virtual_bytes);
        self.single(&names::PROCESS_THREADS, &[], threads);
        self.single(&names::PROCESS_OPEN_FDS, &[], open_fds);
        self.single(&names::PROCESS_MAX_FDS, &[], max_fds);
    }
}
