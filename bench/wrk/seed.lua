-- Signs in BENCH_SESSIONS times, and writes each session's number and cookie to BENCH_COOKIES: the sessions are made by
-- the application itself, so cookies and signatures are its own.
local ffi = require('ffi')
ffi.cdef 'int getpid(void); int kill(int, int);'

-- Stopping a thread of wrk leaves it waiting for the time to be over, an interrupt does not.
local function stop ()
  ffi.C.kill(ffi.C.getpid(), 2)
end

local ports = os.getenv('BENCH_PORTS')
function setup (thread)
  thread.addr = wrk.lookup('127.0.0.1', ports:match('%d+'))[1]
end

function init ()
  local count = tonumber(os.getenv('BENCH_SESSIONS'))
  local bytes = os.getenv('BENCH_BYTES')
  local file = io.open(os.getenv('BENCH_COOKIES'), 'w')
  local asked, answered = 0, 0

  function request ()
    asked = asked + 1
    -- wrk asks for one request before the first is sent, to see whether the script works; and it goes on asking while the
    -- last answers are under way.
    if asked == 1 or asked > count + 1 then return 'GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n' end
    return 'POST /login/' .. (asked - 1) .. '/' .. bytes .. ' HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n'
  end

  function response (status, headers, body)
    if body == 'pong' then return end
    local cookie
    for name, text in pairs(headers) do
      if name:lower() == 'set-cookie' then cookie = text:match('^[^;]+') end
    end
    local id = body:match('"id":(%d+)')
    -- The benchmark sees that sessions are missing, and says so.
    if status ~= 200 or not id or not cookie then return stop() end
    file:write(id, '\t', cookie, '\n')
    answered = answered + 1
    if answered == count then
      file:close()
      stop()
    end
  end
end
