-- SPDX-License-Identifier: BSD-2-Clause
-- lua check.lua FILE: its lines are in order.

local lines_of = dofile((arg[0]:match(".*/") or "") .. "lines.lua")
local before, lines = "", 0
for line in lines_of(assert(io.open(arg[1])), 65536) do
  if line < before then
    error(string.format("line %d is out of order", lines + 1))
  end
  before, lines = line, lines + 1
end
print(string.format("check: %d lines are in order", lines))
