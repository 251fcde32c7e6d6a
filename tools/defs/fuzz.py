# SPDX-License-Identifier: BSD-2-Clause
"""Back end: the function that fuzzes a server side."""

from .body import arriving, of, shape
from .code import Code, Names, count_of
from .dialect import DESCRIPTOR

HEAD = """
/* Input: byte 0 the routine, 1 what is damaged, 2 the function's answer; the rest is content. Only what
 * a client can choose is damaged: descriptors are always such as the kernel delivers. */
static const uint8_t *input;
static size_t left;
static long live; /* rights and memory the request carries that nobody has given up */
static kern_return_t answer;
static volatile uint8_t sink;

static uint8_t next_byte(void)
{
    return left != 0 ? (left--, *input++) : 0;
}

static void fill(void *to, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)to)[i] = next_byte();
    }
}

static void touch(const void *from, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        sink = sink ^ ((const uint8_t *)from)[i];
    }
}

static void require(bool true_)
{
    if (!true_) {
        __builtin_trap();
    }
}

static struct msg_descriptor carry(uint8_t kind, uint8_t disposition, uint32_t max)
{
    struct msg_descriptor made = {.kind = kind, .disposition = disposition};
    if (kind == MSG_PORT) {
        made.value = next_byte();
        live += made.value != MSG_NULL;
        return made;
    }
    made.size = next_byte() % ((max < 40 ? max : 40) + 1);
    const size_t unit = kind == MSG_OOL_PORTS ? sizeof(mach_port_name_t) : 1;
    if (made.size != 0) {
        char *const memory = malloc(made.size * unit);
        require(memory != NULL);
        memset(memory, 7, made.size * unit);
        made.value = (uintptr_t)memory;
        live += 1 + (kind == MSG_OOL_PORTS ? (long)made.size : 0);
    }
    return made;
}

void stub_release_right(mach_port_name_t name, unsigned kind)
{
    require(name != MSG_NULL && kind >= MSG_MOVE_RECEIVE && kind <= MSG_MOVE_SEND_ONCE);
    live--;
}

void stub_release_memory(void *address, uint64_t size)
{
    touch(address, size);
    free(address);
    live--;
}
"""

TAIL = """
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct %(name)s_ops ops = {
%(ops)s    };
    static uint64_t body[MSG_BODY_MAX / 8];
    static uint64_t out[MSG_BODY_MAX / 8];
    input = data;
    left = size;
    live = 0;
    const unsigned routine = next_byte() %% %(count)d;
    const uint8_t damage = next_byte();
    const uint8_t wish = next_byte();
    answer = wish %% 4 != 0 ? KERN_SUCCESS : KERN_FAILURE;
    uint32_t id = 0;
    uint32_t shape = make[routine](body, &id);
    const uint32_t head = wire_descriptors(shape) * MSG_DESCRIPTOR_SIZE;
    uint32_t length = wire_length(shape);
    for (unsigned i = 0; i < (damage & 3u) && length > head; i++) {
        ((uint8_t *)body)[head + (next_byte() * 31u + next_byte()) %% (length - head)] ^= next_byte();
    }
    if ((damage & 4) != 0) {
        length = head + (length - head) * next_byte() / 256 / 8 * 8;
    }
    if ((damage & 8) != 0) {
        id = %(upper)s_BASE + next_byte();
    }
    uint8_t *const exact = malloc(length + 1); /* so that reading behind it is seen */
    require(exact != NULL);
    memcpy(exact, body, length);
    struct server_message message = {.in = exact, .out = out, .reply = 1};
    message.received.id = id;
    message.received.control = MSG_CONTROL(0, 0, length, wire_descriptors(shape));
    const kern_return_t result = %(name)s_server(&ops, NULL, &message);
    if (result == KERN_SUCCESS) {
        require(wire_length(message.out_shape) <= %(upper)s_REPLY_MAX && message.out_shape %% 8 == 0);
        stub_release_received(exact, wire_descriptors(shape)); /* in the server's name */
    }
    require(damage %% 16 != 0 || result == answer || result == KERN_INVALID_ARGUMENT);
    require(live == 0);
    free(exact);
    return 0;
}
"""


def fuzz_maker(names, routine):
    message, items = of(routine, "request")
    lines = [f"*id = {names.routine_id(routine)};"]
    for index, (_, argument) in enumerate(items["descriptors"]):
        kind, right = arriving(argument)
        lines.append(f"((struct msg_descriptor *)body)[{index}] = carry({kind}, {right}, {argument['max']}u);")
    head = len(items["descriptors"]) * DESCRIPTOR
    end = message["start"] if message["length"] is None else message["length"]
    lines.append(f"fill((char *)body + {head}, {end - head});")
    if not items["variable"]:
        return lines + [f"return {shape(message)};"]
    longest = max(argument["element_size"] for _, argument in items["variable"])
    lines += [f"uint32_t at = {end};", "uint32_t count;", f"char some[{40 * longest}];"]
    for _, argument in items["variable"]:
        string, most, size = argument["class"] == "string", min(argument["max"], 40), argument["element_size"]
        lines += [f"count = {f'1 + next_byte() % {most}' if string else f'next_byte() % {most + 1}'};",
                  f"fill(some, (size_t)count * {size});"] + (["some[count - 1] = '\\0';"] if string else [])
        lines.append(f"at = wire_put(body, at, some, count, {size}, {argument['alignment']});")
    return lines + ["at = wire_pad(body, at, WIRE_ALIGN);", f"return {shape(message, 'at')};"]


def fuzz_op(names, routine):
    lines = ["touch(message, sizeof *message);"]
    for argument in routine["args"]:
        name, kind, out = argument["name"], argument["class"], argument["direction"] == "out"
        act = "fill" if out else "touch"
        if kind in ("struct", "fixed_array"):
            lines.append(f"{act}({name}, {argument['size']});")
        elif kind == "string":
            lines += [f"{name}[0] = 'x';", f"{name}[{min(argument['max'] - 1, 1)}] = '\\0';"] if out else \
                [f"touch({name}, strlen({name}) + 1);"]
        elif kind in ("bytes", "array"):
            lines += [f"*{count_of(argument)} = next_byte() % {min(argument['max'], 40) + 1};"] if out else []
            lines.append(f"{act}({name}, (size_t){'*' if out else ''}{count_of(argument)} * {argument['element_size']});")
        elif kind in ("memory", "ports") and not out:
            lines.append(f"touch({name}, {count_of(argument)});")
        elif kind in ("memory", "ports"):
            lines += [f"*{name} = NULL;", f"*{count_of(argument)} = 0;"]
        elif out:
            lines.append(f"*{name} = {'false' if argument.get('ctype') == 'bool' else 'next_byte()'};")
        else:
            lines.append(f"touch(&{name}, sizeof {name});")
    return lines + ["return answer;"]


def make_fuzz(found):
    names = Names(found)
    code = Code(f"Fuzzing of interface {names.name}'s server side. {found['source']}.",
                ["libsys/server.h", "libsys/stub.h", "stdlib.h", "string.h", f"wharf/if/{names.name}.h"])
    code("", "int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);")
    code.lines += HEAD.splitlines()
    ops = ""
    for routine in found["routines"]:
        code.function(f"static uint32_t make_{routine['name']}(void *body, uint32_t *id)", fuzz_maker(names, routine))
        parameters = ["struct server_message *message"] + names.parameters(routine, "server")
        code.function(f"static kern_return_t do_{routine['name']}({', '.join(parameters)})", fuzz_op(names, routine))
        ops += f"        .{routine['name']} = do_{routine['name']},\n"
    code("", "static uint32_t (*const make[])(void *body, uint32_t *id) = {")
    code(*[f"make_{routine['name']}," for routine in found["routines"]])
    code("};")
    code.lines += (TAIL % {"name": names.name, "upper": names.upper, "ops": ops,
                                "count": len(found["routines"])}).splitlines()
    return code.text()
