-- SPDX-License-Identifier: BSD-2-Clause
-- Sorts the lines of a file that is larger than memory: lua sort.lua FROM TO FOLDER BYTES. Pieces of BYTES are sorted in memory and written to FOLDER, then merged.

local from, to, folder, most = arg[1], arg[2], arg[3], tonumber(arg[4])
local lines_of = dofile((arg[0]:match(".*/") or "") .. "lines.lua")

local function write_piece(lines, number)
  local name = string.format("%s/piece%d", folder, number)
  local file = assert(io.open(name, "w"))
  table.sort(lines)
  file:setvbuf("full", 65536)
  for _, line in ipairs(lines) do
    assert(file:write(line))
  end
  assert(file:close())
  return name
end

local function split()
  local names, lines, bytes = {}, {}, 0
  local file = assert(io.open(from))
  for line in lines_of(file, 65536) do
    lines[#lines + 1] = line
    bytes = bytes + #line
    if bytes >= most then
      names[#names + 1] = write_piece(lines, #names + 1)
      lines, bytes = {}, 0
    end
  end
  if #lines > 0 then
    names[#names + 1] = write_piece(lines, #names + 1)
  end
  file:close()
  return names
end

-- A heap of {line, next line, file}, the least line first.
local function sift(heap, at)
  local entry = heap[at]
  while true do
    local child = 2 * at
    if child > #heap then break end
    if child < #heap and heap[child + 1][1] < heap[child][1] then child = child + 1 end
    if entry[1] <= heap[child][1] then break end
    heap[at] = heap[child]
    at = child
  end
  heap[at] = entry
end

local function merge(names)
  local heap, lines = {}, 0
  local out = assert(io.open(to, "w"))
  out:setvbuf("full", 65536)
  for _, name in ipairs(names) do
    local file = assert(io.open(name))
    local next_line = lines_of(file, 16384)
    heap[#heap + 1] = {assert(next_line()), next_line, file}
  end
  for at = #heap // 2, 1, -1 do sift(heap, at) end
  while #heap > 0 do
    local least = heap[1]
    assert(out:write(least[1]))
    lines = lines + 1
    least[1] = least[2]()
    if not least[1] then
      least[3]:close()
      heap[1] = heap[#heap]
      heap[#heap] = nil
    end
    if #heap > 0 then sift(heap, 1) end
  end
  assert(out:close())
  return lines
end

local names = split()
collectgarbage()
print(string.format("sort: %d pieces", #names))
print(string.format("sort: %d lines", merge(names)))
for _, name in ipairs(names) do os.remove(name) end
