//! What is asked of the store: two scripts, each one step there, by the store's own clock where time matters.
//!
//! A count is the number of units that all nodes were lent in a window. A bucket is when it will be full, in microseconds
//! since 1970, as in `limit`: what is lent owns an interval of the key's time. Both answer what is given and what is left.

use redis::{Pipeline, cmd};

/// `KEYS: count; ARGV: units, limit, end, debit`. Units below 0 come back; a debit is noted whatever the limit.
pub(super) const QUOTA: &str = "
local used = tonumber(redis.call('GET', KEYS[1]) or '0')
local units, limit = tonumber(ARGV[1]), tonumber(ARGV[2])
local given = units
if units > 0 and ARGV[4] ~= '1' then given = math.max(0, math.min(units, limit - used)) end
if given ~= 0 then
  redis.call('INCRBY', KEYS[1], string.format('%.0f', given))
  redis.call('EXPIREAT', KEYS[1], ARGV[3])
end
return {given, limit - used - given}";

/// `KEYS: bucket; ARGV: units, microseconds of a unit, microseconds in which it fills, units that are given in any case,
/// microseconds it must take to be full for more`.
pub(super) const BUCKET: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local full = math.max(now, tonumber(redis.call('GET', KEYS[1]) or '0'))
local units, unit, fill = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if full - now < tonumber(ARGV[5]) then units = math.min(units, tonumber(ARGV[4])) end
local room = math.max(0, math.floor((now + fill - full) / unit))
local given = math.min(units, room)
if given > 0 then
  full = math.ceil(full + given * unit)
  redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000) + 1)
end
return {given, room - given}";

/// A count is kept for this long behind the end of its window, in seconds: clocks of nodes differ.
const KEPT_S: i64 = 3600;

/// One question to the store.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ask {
    pub(super) rule: u32,
    pub(super) key: u64,
    pub(super) of: Of,
    /// Below 0: that many come back.
    pub(super) units: i64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Of {
    Quota {
        limit: u64,
        end_s: i64,
        /// The units are lent already.
        is_debit: bool,
    },
    Bucket {
        unit_us: f64,
        fill_us: f64,
        /// Units that are given however full it is, if it has them.
        spare: u64,
        /// More only where it takes this long to be full.
        drained_us: u64,
    },
}

impl Ask {
    /// Adds the question to a batch; `quota` and `bucket` are what the store calls the scripts.
    pub(super) fn add(&self, batch: &mut Pipeline, prefix: &str, quota: &str, bucket: &str) {
        let key = self.key;
        let command = match self.of {
            Of::Quota { limit, end_s, is_debit } => {
                let mut command = cmd("EVALSHA");
                command.arg(quota).arg(1).arg(format!("{prefix}:quota:{key:016x}:{end_s}")).arg(self.units);
                command.arg(limit).arg(end_s.saturating_add(KEPT_S)).arg(u8::from(is_debit));
                command
            }
            Of::Bucket { unit_us, fill_us, spare, drained_us } => {
                let mut command = cmd("EVALSHA");
                command.arg(bucket).arg(1).arg(format!("{prefix}:bucket:{key:016x}")).arg(self.units);
                command.arg(unit_us).arg(fill_us).arg(spare).arg(drained_us);
                command
            }
        };
        batch.add_command(command);
    }
}
