-- SPDX-License-Identifier: BSD-2-Clause
-- A function that returns the next line of a file, with its end, or nil. The file is read in blocks: character by character, as file:lines() does,
-- would be most of the job.

return function(file, bytes)
  local block, at = "", 1
  return function()
    if at > #block then
      local rest
      block, rest = file:read(bytes, "L")
      if not block then
        block = ""
        return nil
      end
      block, at = block .. (rest or ""), 1
    end
    local stop = block:find("\n", at, true) or #block
    local line = block:sub(at, stop)
    at = stop + 1
    return line
  end
end
