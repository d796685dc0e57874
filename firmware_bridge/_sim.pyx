# cython: auto_pickle=False, autotestdict=False
"""Binding of csrc/firmware (the host simulation). Private; see firmware_bridge."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport UINT64_MAX, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from firmware_bridge.sim_c cimport *

SCENARIO_PERIOD_US = EC_SCENARIO_PERIOD_US


def scenario_at(uint64_t t_us):
    """The fields of ec_scene at that time, in firmware_bridge.scenario.Scene's order."""
    cdef ec_scene scene
    ec_scenario_at(t_us, &scene)
    return (
        scene.ego_speed_mps,
        scene.ego_acceleration_mps2,
        scene.ego_yaw_rate_rps,
        scene.ego_distance_m,
        scene.lead_gap_m,
        scene.lead_speed_mps,
        scene.lead_acceleration_mps2,
        bool(scene.lead_braking),
    )


cdef object trace_dict(const ec_trace *trace):
    cdef const ec_trace_names *names = ec_trace_naming(trace.kind)
    cdef uint32_t[3] values = [trace.a, trace.b, trace.c]
    entry = {"event": names.event.decode(), "t_us": trace.t_us}
    for i in range(3):
        if names.fields[i] != NULL:
            entry[names.fields[i].decode()] = values[i]
    return entry


cdef ec_signature ask_verifier(void *verifier, const uint8_t *message, size_t length,
                             const uint8_t *signature) noexcept with gil:
    verdict = (<Flash>verifier).verify((<const char *>message)[:length],
                                       (<const char *>signature)[:64])
    if verdict is None:
        return EC_SIGNATURE_LATER
    return EC_SIGNATURE_GOOD if verdict else EC_SIGNATURE_BAD


@cython.final
cdef class Flash:
    """NOR flash for a simulated board: two sectors of boot record, then two slots of equal size.

    Args:
        sector_bytes: erased at once; a power of two, 256 or more.
        sectors: of all of it, 6 or more.
        unit_bytes: programmed at once; a power of two, at most 32.
        memory: its content, writable and of its size; kept. None: erased, in memory.
        verify: (message, signature) -> whether it is to be trusted, None while that is not known;
            None: a port that cannot tell.
        seed: of what a torn write leaves.

    Raises:
        ValueError: a size that no flash has, or memory of another size.
    """

    cdef ec_flash_sim sim
    cdef uint8_t[::1] memory
    cdef object verify

    def __cinit__(self, *, uint32_t sector_bytes=4096, uint32_t sectors=66, uint32_t unit_bytes=8,
                  memory=None, verify=None, uint64_t seed=0):
        cdef uint64_t size = <uint64_t>sector_bytes * sectors
        if (sector_bytes < 256 or sector_bytes & (sector_bytes - 1) or unit_bytes == 0
                or unit_bytes > 32 or unit_bytes & (unit_bytes - 1) or sectors < 6
                or size > 1 << 28):
            raise ValueError(
                f"no flash has {sectors} sectors of {sector_bytes} bytes in units of {unit_bytes}")
        self.memory = bytearray(b"\xff" * size) if memory is None else memory
        if <uint64_t>self.memory.shape[0] != size:
            raise ValueError(f"memory must hold {size} bytes, got {self.memory.shape[0]}")
        self.verify = verify
        self.sim.bytes = &self.memory[0]
        self.sim.sector_bytes = sector_bytes
        self.sim.sectors = sectors
        self.sim.unit_bytes = unit_bytes
        self.sim.random = seed
        if verify is not None:
            self.sim.verify = ask_verifier
            self.sim.verifier = <void *>self

    def cut_power_in(self, uint64_t writes):
        """The power fails in the write that is so many from now; 1 is the next."""
        self.sim.cut_at = self.sim.writes + writes

    def power_on(self):
        """Ends a power cut, and forgets one that has not come."""
        self.sim.off = False
        self.sim.cut_at = 0

    @property
    def writes(self):
        return self.sim.writes

    @property
    def misuses(self):
        return self.sim.misuses

    @property
    def off(self):
        return bool(self.sim.off)

    @property
    def content(self):
        return bytes(self.memory)


@cython.final
cdef class Firmware:
    """The reference firmware on a board in memory, under a clock that the caller turns.

    It boots at once, in its safe state. Bytes from the host go in with feed(), its own come out with
    take(); nothing happens between calls, and nothing at all while its flash has no power.

    Args:
        boot_id: not 0; a power cycle takes another.
        seed: of the sensors' noise.
        scene_us: scenario time at boot.
        flash: kept over power cycles; None: this board cannot be updated.
    """

    cdef ec_board board
    cdef ec_hal hal
    cdef ec_firmware firmware
    cdef Flash flash

    def __cinit__(self, *, uint32_t boot_id=1, uint64_t seed=0, int64_t scene_us=0,
                  Flash flash=None):
        if boot_id == 0:
            raise ValueError("boot_id must not be 0")
        self.flash = flash
        if flash is not None:
            self.board.flash = &flash.sim
        self._boot(boot_id, seed, scene_us)

    cdef bint off(self) noexcept nogil:
        return self.board.flash != NULL and self.board.flash.off

    cdef int _boot(self, uint32_t boot_id, uint64_t seed, int64_t scene_us) except -1:
        ec_board_init(&self.board, boot_id, seed, scene_us)
        ec_board_boot(&self.board)
        if self.off():
            return 0
        self.hal = ec_board_hal(&self.board)
        if not ec_firmware_init(&self.firmware, &self.hal):
            raise ValueError(f"the firmware does not boot with boot id {boot_id}")
        ec_firmware_step(&self.firmware)
        return 0

    cdef int _reset(self, uint32_t boot_id) except -1:
        cdef int64_t scene_us = self.board.scene_us + <int64_t>self.board.now_us
        return self._boot(boot_id or self.board.boot_id + 1, self.board.random, scene_us)

    def advance(self, uint64_t duration_us):
        """Lets so many microseconds pass, doing all that falls due in them."""
        cdef uint64_t end_us = self.board.now_us + duration_us
        cdef uint64_t due_us, left_us
        with nogil:
            while not self.off():
                due_us = ec_firmware_step(&self.firmware)
                if self.board.reset_wanted:
                    left_us = end_us - self.board.now_us
                    with gil:
                        self._reset(0)
                    end_us = left_us
                    continue
                if self.board.now_us >= end_us:
                    break
                self.board.now_us = min(end_us, max(due_us, self.board.now_us + 1))

    def feed(self, const uint8_t[::1] data not None):
        """Bytes arrive from the line now, and are handled."""
        cdef size_t length = data.shape[0]
        if length == 0:
            return
        if length > EC_QUEUE_BYTES - self.board.to_device.used:
            raise BufferError(
                f"{length} bytes at once, the line holds {EC_QUEUE_BYTES}: feed fewer at a time"
            )
        ec_queue_put(&self.board.to_device, &data[0], length)
        while self.board.to_device.used > 0 and not self.off():
            ec_firmware_step(&self.firmware)

    def take(self):
        """The bytes that the firmware has sent since the last call."""
        cdef bytes data = PyBytes_FromStringAndSize(NULL, self.board.from_device.used)
        ec_queue_take(&self.board.from_device, <uint8_t *>PyBytes_AS_STRING(data), len(data))
        return data

    def power_cycle(self, uint32_t boot_id=0):
        """Off and on again: a new boot id (0: the next), all state lost, the line empty."""
        if self.flash is not None:
            self.flash.power_on()
        self.board.boots = 0
        self._reset(boot_id)

    def line_lost(self):
        """The line closes and opens again."""
        self.take()
        ec_queue_take_all(&self.board.to_device)
        ec_firmware_line_lost(&self.firmware)

    def traces(self):
        """What the firmware did since the last call: event, t_us and the event's own numbers."""
        cdef ec_trace trace
        entries = []
        while ec_board_take_trace(&self.board, &trace):
            entries.append(trace_dict(&trace))
        return entries

    @property
    def image(self):
        """What the flash boots: slot (None: what the board came with), version, digest, state, and
        whether it is whole."""
        cdef ec_boot boot
        cdef ec_manifest manifest
        cdef uint8_t slot
        if self.board.flash == NULL:
            return None
        ec_boot_read(&self.board.flash_hal, &self.board, &boot)
        slot = ec_boot_running(&boot)
        image = {"slot": slot, "state": boot.state, "floor": boot.floor, "version": 0,
                 "digest": b"", "intact": slot == EC_SLOT_NONE}
        if slot == EC_SLOT_NONE:
            image["slot"] = None
        elif ec_slot_manifest(&self.board.flash_hal, &self.board, slot, &manifest, NULL):
            image["version"] = manifest.version
            image["digest"] = (<const char *>manifest.digest)[:32]
            image["intact"] = bool(
                ec_slot_intact(&self.board.flash_hal, &self.board, slot, &manifest))
        return image

    @property
    def image_bytes_max(self):
        """Room for an image; 0 on a board that cannot be updated."""
        return ec_slot_capacity(&self.board.flash_hal) if self.board.flash != NULL else 0

    @property
    def now_us(self):
        return self.board.now_us

    @property
    def boot_id(self):
        return self.board.boot_id

    @property
    def connected(self):
        return bool(ec_session_open(&self.firmware.session))

    @property
    def safe(self):
        return bool(self.firmware.safe)

    @property
    def led(self):
        return bool(self.board.led)

    @property
    def buzzer(self):
        return bool(self.board.buzzer)

    @property
    def alert_level(self):
        return self.firmware.indicator.alert_level

    @property
    def records(self):
        """Counts of commands, alerts and summaries, and the last summary's fields."""
        cdef ec_firmware_records *records = &self.firmware.records
        return {
            "commands": records.commands,
            "alerts": records.alerts,
            "summaries": records.summaries,
            "frame": records.last_summary.frame,
            "count": records.last_summary.count,
            "nearest_ttc_ms": records.last_summary.nearest_ttc_ms,
        }

    @property
    def stats(self):
        """The session's counters, and the decoder's errors by reason."""
        cdef const ec_stats *stats = ec_session_stats(&self.firmware.session)
        cdef const ec_decoder *decoder = ec_session_decoder(&self.firmware.session)
        return {
            "requests_received": stats.requests_received,
            "results_sent": stats.results_sent,
            "retransmits": stats.retransmits,
            "duplicates": stats.duplicates,
            "data_sent": stats.data_sent,
            "data_received": stats.data_received,
            "ignored": stats.ignored,
            "opens": stats.opens,
            "frames": decoder.frames,
            "errors": sum(decoder.errors[i] for i in range(EC_CORRUPT_REASONS)),
            "watchdog_kicks": self.board.watchdog_kicks,
        }


@cython.final
cdef class TinyDevice:
    """The firmware that answers MLPerf Tiny's commands, on a board in memory whose clock the caller
    turns. It boots at once; bytes from the host go in with feed(), its answers come out with take().

    Args:
        fifo_bytes: so many wait for the host at most, 1 to 65536.

    Raises:
        ValueError: another number of bytes.
    """

    cdef ec_board board
    cdef ec_hal hal
    cdef ec_dense dense
    cdef ec_tiny_model model
    cdef ec_tiny tiny

    def __cinit__(self, *, uint32_t fifo_bytes=EC_QUEUE_BYTES):
        if not 1 <= fifo_bytes <= EC_QUEUE_BYTES:
            raise ValueError(f"fifo_bytes must be 1 to {EC_QUEUE_BYTES}, got {fifo_bytes}")
        ec_board_init(&self.board, 1, 0, 0)
        self.board.fifo_bytes = fifo_bytes
        self.hal = ec_board_hal(&self.board)
        self.model = ec_dense_model(&self.dense)
        if not ec_tiny_init(&self.tiny, &self.hal, &self.model):
            raise ValueError("the model does not fit the firmware")

    cdef void _run(self) noexcept nogil:
        while ec_tiny_step(&self.tiny) != UINT64_MAX:
            pass

    def feed(self, const uint8_t[::1] data not None):
        """Bytes arrive now, and are answered as far as the line to the host has room."""
        cdef size_t length = data.shape[0], taken = 0
        while taken < length:
            taken += ec_queue_put(&self.board.to_device, &data[taken], length - taken)
            with nogil:
                self._run()
            if taken < length and self.board.to_device.used == EC_QUEUE_BYTES:
                raise BufferError("the line is full both ways: take() what the device has to say")

    def take(self):
        """All that it has to say."""
        cdef bytes piece
        pieces = []
        while True:
            with nogil:
                self._run()
            if self.board.from_device.used == 0:
                return b"".join(pieces)
            piece = PyBytes_FromStringAndSize(NULL, self.board.from_device.used)
            ec_queue_take(&self.board.from_device, <uint8_t *>PyBytes_AS_STRING(piece), len(piece))
            pieces.append(piece)

    def advance(self, uint64_t duration_us):
        """Lets so many microseconds pass; inferences take none."""
        self.board.now_us += duration_us

    def line_lost(self):
        """The line closes and opens again."""
        ec_queue_take_all(&self.board.from_device)
        ec_queue_take_all(&self.board.to_device)
        ec_tiny_line_lost(&self.tiny)


cdef void ec_queue_take_all(ec_queue *queue) noexcept:
    cdef uint8_t[256] rest
    while ec_queue_take(queue, rest, sizeof(rest)) > 0:
        pass


STREAM = EC_LINE_STREAM
PTY = EC_LINE_PTY
LISTENER = EC_LINE_LISTENER


def catch_signals():
    """From now on SIGTERM and SIGINT end run_process, also when they come before it."""
    ec_process_catch_signals()


def run_process(
    int fd, int line, *, int report_fd, bint dies_with_parent, uint32_t boot_id, uint64_t seed,
    uint64_t epoch_ns, Flash flash=None, const uint8_t[::1] key=None,
    const int64_t[::1] ahead_us=None, bint mlperf_tiny=False,
):
    """Runs the firmware on that line until SIGTERM, SIGINT or a stream's end; after catch_signals.

    Args:
        ahead_us: one number, by how much its clock is ahead of CLOCK_MONOTONIC; may change.

    Raises:
        ValueError: boot_id is 0, the key is not 32 bytes, or ahead_us not one number.
        OSError: the line or the process could not be set up.
    """
    cdef ec_process_options options
    cdef ec_process *process
    cdef int failure
    if boot_id == 0:
        raise ValueError("boot_id must not be 0")
    if key is not None and key.shape[0] != 32:
        raise ValueError(f"expected a key of 32 bytes, got {key.shape[0]}")
    if ahead_us is not None and ahead_us.shape[0] != 1:
        raise ValueError(f"expected ahead_us of one number, got {ahead_us.shape[0]}")
    process = <ec_process *>calloc(1, sizeof(ec_process))
    if process == NULL:
        raise MemoryError
    options.fd = fd
    options.line = <ec_line_kind>line
    options.report_fd = report_fd
    options.dies_with_parent = dies_with_parent
    options.boot_id = boot_id
    options.seed = seed
    options.epoch_ns = epoch_ns
    options.flash = NULL if flash is None else &flash.sim
    options.mlperf_tiny = mlperf_tiny
    options.key = NULL
    if key is not None:
        options.key = &key[0]
    options.ahead_us = NULL
    if ahead_us is not None:
        options.ahead_us = &ahead_us[0]
    with nogil:
        failure = ec_process_run(process, &options)
    free(process)
    if failure != 0:
        raise OSError(failure, "the simulated firmware could not start")
