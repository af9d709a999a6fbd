-- The load: one session drawn uniformly at random for each request. The sessions are the lines of BENCH_COOKIES (id, tab,
-- cookie). Every thread loads one of BENCH_PORTS.
--
-- BENCH_REQUEST is the method and the path of a request: in it :id is the session's number, and :value a new number for
-- each request. With BENCH_ANONYMOUS requests carry no cookie.
--
-- The share BENCH_WRITES of the requests, 0 to 1, writes: each writes a new value. Each write and its acknowledgement is
-- logged with the time (BENCH_LOG), for the check of the rows that follows. The application sees whether an answer is
-- right, and answers 500 to what is not the session asked for: a look at the bodies here would cost more than the requests.
local ffi = require('ffi')
ffi.cdef [[
  typedef struct { long seconds; long microseconds; } bench_time;
  int gettimeofday(bench_time *, void *);
]]

local ports = {}
for port in os.getenv('BENCH_PORTS'):gmatch('%d+') do ports[#ports + 1] = port end

local threads = 0
function setup (thread)
  threads = threads + 1
  thread.addr = wrk.lookup('127.0.0.1', ports[(threads - 1) % #ports + 1])[1]
  thread:set('index', threads)
end

local clock = ffi.new('bench_time')
local function now ()
  ffi.C.gettimeofday(clock, nil)
  return tonumber(clock.seconds) * 1e6 + tonumber(clock.microseconds)
end

local no_cookie = ' HTTP/1.1\r\nHost: 127.0.0.1\r\n'
local has_value

local function random_session (ids)
  return math.random(#ids)
end

function init ()
  local writes = tonumber(os.getenv('BENCH_WRITES'))
  local value = tonumber(os.getenv('BENCH_FIRST_VALUE')) + index * 1e7
  local ids, cookies = {}, {}
  for line in io.lines(os.getenv('BENCH_COOKIES')) do
    local id, cookie = line:match('^(%d+)\t(.+)$')
    ids[#ids + 1] = id
    cookies[#cookies + 1] = ' HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: ' .. cookie .. '\r\n'
  end
  math.randomseed(now() % 1e9 + index)

  local log
  local anonymous = os.getenv('BENCH_ANONYMOUS') == '1'
  local method, path = os.getenv('BENCH_REQUEST'):match('^(%u+) (.+)$')
  local body = method == 'POST' and 'Content-Length: 0\r\n\r\n' or '\r\n'
  local before, after = {}, {}
  local function read ()
    local n = random_session(ids)
    if not before[n] then
      local first, last = path:gsub(':id', ids[n]):match('^(.-):value(.*)$')
      before[n] = method .. ' ' .. (first or path:gsub(':id', ids[n]))
      after[n] = (last or '') .. (anonymous and no_cookie or cookies[n]) .. body
      has_value = first ~= nil
    end
    if not has_value then return before[n] .. after[n] end
    value = value + 1
    return before[n] .. string.format('%d', value) .. after[n]
  end
  local function write ()
    local n = random_session(ids)
    value = value + 1
    log:write('s\t', ids[n], '\t', string.format('%d\t%d\n', value, now()))
    return 'POST /write/' .. ids[n] .. '/' .. string.format('%d', value) .. cookies[n] .. 'Content-Length: 0\r\n\r\n'
  end

  if writes == 0 then
    request = read
    return
  end
  log = io.open(os.getenv('BENCH_LOG') .. '.' .. index, 'w')
  log:setvbuf('full', 65536)
  request = writes == 1 and write or function ()
    return math.random() < writes and write() or read()
  end
  function response (status, _, body)
    if status ~= 200 then return end
    local id, value = body:match('"id":(%d+),"value":(%d+)')
    -- Of a mixed load the answers to reads arrive here too; the reader of the log drops what was acknowledged before.
    if id then log:write('a\t', id, '\t', value, string.format('\t%d\n', now())) end
  end
end

function done (summary, latency)
  print(string.format(
    'RESULT {"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"max":%d,"failed":%d}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max,
    summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  ))
end
