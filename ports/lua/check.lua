-- SPDX-License-Identifier: BSD-2-Clause
-- A script of ours, not of Lua's own tests: what stands on the C library and on the system.
local function check(what, holds)
    if not holds then
        print("FAILED: " .. what)
        os.exit(1)
    end
end

-- numbers, in and out
check("integers", math.maxinteger + 1 == math.mininteger and 7 // -2 == -4 and 7 % -2 == -1)
check("floats", string.format("%.17g", 0.1) == "0.10000000000000001" and tonumber("0x1p-1074") > 0)
check("functions", math.abs(math.sin(math.pi / 6) - 0.5) < 1e-15 and math.sqrt(2) ^ 2 - 2 < 1e-15)
check("formats", string.format("%5.2f|%-6s|%+d|%x", 3.14159, "ab", 7, 255) == " 3.14|ab    |+7|ff")

-- strings and patterns
check("patterns", ("key = value"):match("^(%w+)%s*=%s*(%w+)$") == "key" and ("aXbX"):gsub("X", "") == "ab")
check("packing", string.unpack("<i4", string.pack("<i4", -2)) == -2)
check("utf8", utf8.len("\u{e4}\u{20ac}\u{1f600}") == 3)

-- memory: much garbage, tables that grow
local t = {}
for i = 1, 200000 do
    t[i] = { i, tostring(i) }
end
table.sort(t, function(a, b) return a[1] > b[1] end)
check("sorting", t[1][1] == 200000 and t[200000][2] == "1")
t = nil
collectgarbage()
check("collection", collectgarbage("count") < 10000)

-- coroutines, errors, closures
local co = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end)
check("coroutines", co() + co() + co() == 6)
check("errors", select(2, pcall(error, { code = 5 })).code == 5 and not pcall(function() local x = nil; return x.y end))

-- files
local path = "/tmp/lua-check"
local out = assert(io.open(path, "w"))
for i = 1, 1000 do
    out:write(i, "\n")
end
check("position", out:seek("cur") == 3893)
out:close()
local sum = 0
for line in io.lines(path) do
    sum = sum + tonumber(line)
end
check("lines", sum == 500500)
local f = assert(io.open(path, "r+b"))
f:seek("set", 10)
f:write("XY")
f:seek("set", 8)
check("in place", f:read(6) == "5\nXY7\n")
f:close()
check("rename", os.rename(path, path .. "2") and not io.open(path))
check("remove", os.remove(path .. "2") and not os.remove(path .. "2"))
check("no such file", select(3, io.open("/no/such/file")) == 2)

-- time
check("date", os.date("!%Y-%m-%d %H:%M:%S", 86400) == "1970-01-02 00:00:00" and os.clock() >= 0)
print("lua: all checks passed")
