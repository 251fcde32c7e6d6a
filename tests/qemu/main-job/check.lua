-- SPDX-License-Identifier: BSD-2-Clause
-- lua check.lua FILE: its lines are in order.

local before, lines = "", 0
for line in assert(io.lines(arg[1])) do
  if line < before then
    error(string.format("line %d is out of order", lines + 1))
  end
  before, lines = line, lines + 1
end
print(string.format("check: %d lines are in order", lines))
