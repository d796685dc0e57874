
-- COBS: a code byte says how far the next zero is; docs/protocol.md, "A frame".
local function unstuffed(wire)
  local first, last = 1, #wire
  while wire:byte(first) == 0 do first = first + 1 end
  if last < first or wire:byte(last) ~= 0 then return nil, "cut" end
  last = last - 1
  local pieces = {}
  while first <= last do
    local code = wire:byte(first)
    local stop = first + code - 1
    if code == 0 or stop > last then return nil, "cobs" end
    pieces[#pieces + 1] = wire:sub(first + 1, stop)
    if code < 255 and stop < last then pieces[#pieces + 1] = "\0" end
    first = stop + 1
  end
  return table.concat(pieces)
end

local castagnoli = {}
for i = 0, 255 do
  local value = i
  for _ = 1, 8 do
    local carry = bit.band(value, 1) == 1
    value = bit.rshift(value, 1)
    if carry then value = bit.bxor(value, 0x82F63B78) end
  end
  castagnoli[i] = value
end

local function crc32c(text)
  local crc = bit.bnot(0)
  for i = 1, #text do
    local index = bit.band(bit.bxor(crc, text:byte(i)), 255)
    crc = bit.bxor(bit.rshift(crc, 8), castagnoli[index])
  end
  return bit.bnot(crc)
end

local function content_of(wire)
  local content, reason = unstuffed(wire)
  if content == nil then return nil, reason end
  if #content < 8 then return nil, "short" end
  if #content > 520 then return nil, "long" end
  local a, b, c, d = content:byte(-4, -1)
  local said = bit.bor(a, bit.lshift(b, 8), bit.lshift(c, 16), bit.lshift(d, 24))
  if bit.tobit(crc32c(content:sub(1, -5))) ~= bit.tobit(said) then return nil, "crc" end
  return content
end

local protocol = Proto("edgecore", "edgecore link")

local fields = {
  error = ProtoField.string("edgecore.error", "Damaged"),
  kind = ProtoField.uint8("edgecore.kind", "Kind", base.DEC, KINDS),
  channel = ProtoField.uint8("edgecore.channel", "Channel", base.DEC, CHANNELS),
  sequence = ProtoField.uint8("edgecore.sequence", "Sequence"),
  type = ProtoField.uint8("edgecore.type", "Type", base.HEX),
  message = ProtoField.string("edgecore.message", "Message"),
  name = ProtoField.string("edgecore.hello.name", "name"),
  version = ProtoField.string("edgecore.hello.version", "version"),
  nonce = ProtoField.bytes("edgecore.hello.nonce", "nonce"),
  proof = ProtoField.bytes("edgecore.hello.proof", "proof"),
  seal = ProtoField.none("edgecore.seal", "Seal, not verified: edgecore link decode --key-file does"),
  counter = ProtoField.uint32("edgecore.seal.counter", "counter, low half"),
  tag = ProtoField.bytes("edgecore.seal.tag", "tag"),
  rest = ProtoField.bytes("edgecore.rest", "Rest"),
}

local MAKERS = {
  u1 = ProtoField.uint8, u2 = ProtoField.uint16, u4 = ProtoField.uint32, u8 = ProtoField.uint64,
  i1 = ProtoField.int8, i2 = ProtoField.int16, i4 = ProtoField.int32, i8 = ProtoField.int64,
  f4 = ProtoField.float, f8 = ProtoField.double, S = ProtoField.string,
}

local function declare(group, each)
  local maker = each.scale == 1 and MAKERS[each.code] or ProtoField.double
  local abbreviation = "edgecore." .. group .. "." .. each.name
  each.field = maker(abbreviation, each.name)
  fields[abbreviation] = each.field
end

for kind, head in pairs(HEADS) do
  for _, each in ipairs(head.fields) do declare(KINDS[kind]:lower(), each) end
end
for _, message in pairs(MESSAGES) do
  for _, each in ipairs(message.fields) do declare(message.name, each) end
end

protocol.fields = fields

local READERS = {
  u1 = function(range) return range:le_uint() end,
  u8 = function(range) return range:le_uint64():tonumber() end,
  i1 = function(range) return range:le_int() end,
  i8 = function(range) return range:le_int64():tonumber() end,
  f4 = function(range) return range:le_float() end,
}
READERS.u2, READERS.u4 = READERS.u1, READERS.u1
READERS.i2, READERS.i4 = READERS.i1, READERS.i1
READERS.f8 = READERS.f4

-- Adds a field of a record, or what its absence means, if anything; returns false when it is required
-- and absent.
local function add_field(tree, record, each)
  local stop = each.offset + each.size * each.count
  if record == nil or stop > record:len() then
    if each.default == nil then return each.optional == true end
    tree:add(each.field, each.default):set_generated():append_text(each.unit)
    return true
  end
  for i = 0, each.count - 1 do
    local range = record(each.offset + i * each.size, each.size)
    local item
    if each.code == "S" then
      item = tree:add(each.field, range, (range:string():gsub("%z+$", "")))
    elseif each.scale == 1 then
      item = tree:add_le(each.field, range)
    else
      item = tree:add(each.field, range, READERS[each.code](range) * each.scale)
    end
    item:append_text(each.unit)
  end
  return true
end

local function add_records(tree, payload, message, batch)
  local length = payload and payload:len() or 0
  local count = batch and math.max(1, math.floor(length / message.size)) or 1
  for i = 0, count - 1 do
    local size = count == 1 and length or message.size
    local record = size > 0 and payload(i * message.size, size) or nil
    local title = count == 1 and message.name or message.name .. " " .. i
    local branch = record and tree:add(protocol, record, title) or tree:add(protocol, title)
    for _, each in ipairs(message.fields) do
      if not add_field(branch, record, each) then
        branch:add(fields.error, "the record lacks " .. each.name):set_generated()
        break
      end
    end
  end
end

local function add_texts(tree, payload, flags)
  local at = 0
  for _, field in ipairs({fields.name, fields.version}) do
    if at >= payload:len() then return end
    local range = payload(at):strsize()
    tree:add(field, payload(at, range))
    at = at + range
  end
  for _, each in ipairs({{KEYED, NONCE, fields.nonce}, {PROVEN, PROOF, fields.proof}}) do
    local flag, size, field = each[1], each[2], each[3]
    if bit.band(flags, flag) == 0 or at + size > payload:len() then return end
    tree:add(field, payload(at, size))
    at = at + size
  end
end

-- Whether frames other than HELLO are sealed, up to the last frame seen, and at each by its number:
-- Wireshark comes back to frames in any order, after it has been through all of them once.
local sealed, sealed_at = SEALED, {}

function protocol.init()
  sealed, sealed_at = SEALED, {}
end

local function note_hello(frame)
  local role, flags = frame(6, 1):uint(), frame(7, 1):uint()
  if role == 1 and bit.band(flags, ACCEPTED) ~= 0 then sealed = bit.band(flags, PROVEN) ~= 0 end
end

-- Takes the seal off the end of a frame's body; nil when the body is too short for one.
local function add_seal(tree, payload)
  local length = (payload and payload:len() or 0) - 4 - TAG
  if length < 0 then return nil end
  local branch = tree:add(fields.seal, payload(length))
  branch:add_le(fields.counter, payload(length, 4))
  branch:add(fields.tag, payload(length + 4, TAG))
  return length
end

function protocol.dissector(packet, info, root)
  info.cols.protocol = "edgecore"
  local content, reason = content_of(packet:raw())
  local tree = root:add(protocol, packet())
  if content == nil then
    tree:add(fields.error, packet(), reason)
    info.cols.info = "damaged: " .. reason
    return
  end
  local frame = ByteArray.new(content, true):tvb("Frame")
  local kind, type = frame(0, 1):uint(), frame(3, 1):uint()
  local head, message = HEADS[kind], MESSAGES[type]
  local title = KINDS[kind] or ("kind " .. kind)
  tree:add(fields.kind, frame(0, 1))
  tree:add(fields.channel, frame(1, 1))
  tree:add(fields.sequence, frame(2, 1))
  tree:add(fields.type, frame(3, 1))
  local payload = frame:len() > 8 and frame(4, frame:len() - 8) or nil
  if not info.visited then
    if kind == HELLO and frame:len() > 11 then note_hello(frame) end
    sealed_at[info.number] = sealed
  end
  local unverified = ""
  if kind ~= HELLO and sealed_at[info.number] then
    local length = add_seal(tree, payload)
    if length == nil then
      tree:add(fields.error, "auth"):set_generated()
      info.cols.info = title
      return
    end
    payload = length > 0 and payload(0, length) or nil
    unverified = ", seal not verified"
  end
  if head ~= nil then
    for _, each in ipairs(head.fields) do
      if not add_field(tree, payload, each) then
        tree:add(fields.error, "the body lacks " .. each.name):set_generated()
        info.cols.info = title .. unverified
        return
      end
    end
    payload = payload:len() > head.size and payload(head.size) or nil
  end
  if kind <= 2 and message ~= nil then
    title = title .. " " .. message.name
    tree:add(fields.message, message.name):set_generated()
  end
  if kind <= 1 and message ~= nil then
    add_records(tree, payload, message, kind == 0)
  elseif kind == HELLO and payload ~= nil then
    add_texts(tree, payload, frame(7, 1):uint())
  elseif payload ~= nil then
    tree:add(fields.rest, payload)
  end
  info.cols.info = title .. unverified
end

DissectorTable.get("wtap_encap"):add(wtap.USER0, protocol)
