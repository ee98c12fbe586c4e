//! What is asked of the store: three scripts, each one step there, by the store's own clock where time matters.
//!
//! A count is the number of units that all nodes were lent in a window. A bucket is when it will be full, in microseconds
//! since 1970, as in `limit`: what is lent owns an interval of the key's time. Both answer what is given and what is left.

use super::source::{Ask, Of};
use redis::{Connection, Pipeline, RedisResult, cmd};
use tollgate_limit::{Count, Debit, Question, Terms};

/// `KEYS: count; ARGV: units, limit, end, debit`. Units below 0 come back; a debit is noted whatever the limit.
const QUOTA: &str = "
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
const BUCKET: &str = "
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

/// All counts of a request, or none. `KEYS: counts and buckets; ARGV: for each of them what it is (q, b), units, whether it
/// refuses nothing (0, 1), of a count: limit, end; of a bucket: microseconds of a unit, microseconds in which it fills`.
///
/// A unit of a bucket takes whole quarters of a microsecond, which a double counts exactly until 2041: so the sum of many is
/// neither more nor less than what the burst is compared with.
const STRICT: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local answer, after, admitted = {}, {}, true
for i, key in ipairs(KEYS) do
  local kind, units, shadow = ARGV[5*i-4], tonumber(ARGV[5*i-3]), ARGV[5*i-2]
  local first, second = tonumber(ARGV[5*i-1]), tonumber(ARGV[5*i])
  local state, left = tonumber(redis.call('GET', key) or '0'), 0
  if kind == 'q' then
    left = first - state
  else
    state = math.max(now, state)
    left = math.floor((now + second - state) / first)
    after[i] = state + units * first
  end
  local has_room = units <= left
  if not has_room and shadow ~= '1' then admitted = false end
  answer[2*i-1] = has_room and 1 or 0
  answer[2*i] = math.max(0, left)
end
if admitted then
  for i, key in ipairs(KEYS) do
    local units, second = ARGV[5*i-3], ARGV[5*i]
    if answer[2*i-1] == 1 then
      answer[2*i] = answer[2*i] - units
      if after[i] then
        redis.call('SET', key, string.format('%.2f', after[i]), 'PX', math.ceil((after[i] - now) / 1000) + 1)
      else
        redis.call('INCRBY', key, units)
        redis.call('EXPIREAT', key, second)
      end
    end
  end
end
return answer";

/// What the store calls the scripts.
pub(super) struct Scripts {
    quota: String,
    bucket: String,
    strict: String,
}

impl Scripts {
    pub(super) fn load(connection: &mut Connection) -> RedisResult<Self> {
        let mut load = |script: &str| cmd("SCRIPT").arg("LOAD").arg(script).query(connection);
        Ok(Self { quota: load(QUOTA)?, bucket: load(BUCKET)?, strict: load(STRICT)? })
    }
}

/// A count is kept for this long behind the end of its window, in seconds: clocks of nodes differ.
const KEPT_S: i64 = 3600;

impl Ask {
    /// Adds the question to a batch.
    pub(super) fn add(&self, batch: &mut Pipeline, prefix: &str, scripts: &Scripts) {
        let key = self.key;
        let command = match self.of {
            Of::Quota { limit, end_s, is_debit } => {
                let mut command = cmd("EVALSHA");
                command.arg(&scripts.quota).arg(1).arg(quota_key(prefix, key, end_s)).arg(self.units);
                command.arg(limit).arg(end_s.saturating_add(KEPT_S)).arg(u8::from(is_debit));
                command
            }
            Of::Bucket { unit_us, fill_us, spare, drained_us } => {
                let mut command = cmd("EVALSHA");
                command.arg(&scripts.bucket).arg(1).arg(bucket_key(prefix, key)).arg(self.units);
                command.arg(unit_us).arg(fill_us).arg(spare).arg(drained_us);
                command
            }
        };
        batch.add_command(command);
    }
}

fn quota_key(prefix: &str, key: u64, end_s: i64) -> String {
    format!("{prefix}:quota:{key:016x}:{end_s}")
}

fn bucket_key(prefix: &str, key: u64) -> String {
    format!("{prefix}:bucket:{key:016x}")
}

/// What tells the store of units that were admitted without it.
pub(super) fn of_debit(debit: &Debit) -> Ask {
    let Debit { key, limit, end_s, units } = *debit;
    let units = i64::try_from(units).unwrap_or(i64::MAX);
    Ask { rule: 0, key, of: Of::Quota { limit, end_s, is_debit: true }, units }
}

/// Adds what a request asks to a batch.
pub(super) fn add_question(question: &Question, batch: &mut Pipeline, prefix: &str, scripts: &Scripts) {
    let mut command = cmd("EVALSHA");
    command.arg(&scripts.strict).arg(question.counts.len());
    for Count { key, terms, end_s, .. } in &question.counts {
        command.arg(match terms {
            Terms::Quota(_) => quota_key(prefix, *key, *end_s),
            Terms::Bucket { .. } => bucket_key(prefix, *key),
        });
    }
    for Count { units, terms, end_s, shadow, .. } in &question.counts {
        let is_quota = matches!(terms, Terms::Quota(_));
        command.arg(if is_quota { "q" } else { "b" }).arg(units).arg(u8::from(*shadow));
        match *terms {
            Terms::Quota(limit) => command.arg(limit).arg(end_s.saturating_add(KEPT_S)),
            Terms::Bucket { limit, per, burst } => {
                let quarters = (per.as_micros() * 4).div_ceil(limit.max(1).into()).max(1);
                let unit_us = quarters as f64 / 4.0;
                command.arg(unit_us).arg(unit_us * burst as f64)
            }
        };
    }
    batch.add_command(command);
}

/// Whether an answer says something of each count.
pub(super) fn read_answer(question: &mut Question, answer: &[i64]) -> bool {
    let (said, rest) = answer.as_chunks::<2>();
    if said.len() != question.counts.len() || !rest.is_empty() {
        return false;
    }
    for (count, [has_room, left]) in question.counts.iter_mut().zip(said) {
        (count.has_room, count.left) = (*has_room == 1, left.unsigned_abs());
    }
    true
}
