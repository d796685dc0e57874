"""Declarations of csrc/firmware for _sim.pyx."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t


cdef extern from "firmware/core/scenario.h" nogil:
    enum: EC_SCENARIO_PERIOD_US

    ctypedef struct ec_scene:
        double ego_distance_m
        float ego_speed_mps
        float ego_acceleration_mps2
        float ego_yaw_rate_rps
        float lead_gap_m
        float lead_speed_mps
        float lead_acceleration_mps2
        uint8_t lead_braking

    void ec_scenario_at(uint64_t t_us, ec_scene *scene)


cdef extern from "link/session.h" nogil:
    enum: EC_CHANNELS
    enum: EC_CORRUPT_REASONS

    ctypedef struct ec_session:
        pass

    ctypedef struct ec_stats:
        uint32_t requests_received, results_sent, retransmits, duplicates
        uint32_t data_sent, data_received, ignored, opens

    ctypedef struct ec_decoder:
        uint32_t frames
        uint32_t errors[5]

    bint ec_session_open(const ec_session *session)
    const ec_stats *ec_session_stats(const ec_session *session)
    const ec_decoder *ec_session_decoder(const ec_session *session)


cdef extern from "firmware/core/firmware.h" nogil:
    ctypedef struct ec_hal:
        pass

    ctypedef enum ec_trace_kind:
        pass

    ctypedef struct ec_trace:
        uint64_t t_us
        uint32_t a, b, c
        ec_trace_kind kind

    ctypedef struct ec_detection_summary:
        uint32_t frame
        uint16_t nearest_ttc_ms
        uint8_t count

    ctypedef struct ec_firmware_records:
        uint32_t commands, alerts, summaries
        ec_detection_summary last_summary

    ctypedef struct ec_indicator:
        uint8_t alert_level

    ctypedef struct ec_firmware:
        ec_session session
        ec_indicator indicator
        ec_firmware_records records
        bint safe
        uint32_t boot_id

    ctypedef enum ec_signature:
        EC_SIGNATURE_BAD
        EC_SIGNATURE_GOOD
        EC_SIGNATURE_LATER

    ctypedef struct ec_flash:
        pass

    ctypedef struct ec_boot:
        uint32_t floor
        uint8_t state

    ctypedef struct ec_manifest:
        uint32_t version, length
        uint8_t digest[32]

    enum: EC_SLOT_NONE

    uint8_t ec_boot_running(const ec_boot *boot)
    void ec_boot_read(const ec_flash *flash, void *port, ec_boot *boot)
    bint ec_slot_manifest(const ec_flash *flash, void *port, uint8_t slot, ec_manifest *manifest,
                          uint8_t *served)
    bint ec_slot_intact(const ec_flash *flash, void *port, uint8_t slot,
                        const ec_manifest *manifest)
    uint32_t ec_slot_capacity(const ec_flash *flash)

    bint ec_firmware_init(ec_firmware *firmware, const ec_hal *hal)
    uint64_t ec_firmware_step(ec_firmware *firmware)
    void ec_firmware_line_lost(ec_firmware *firmware)


cdef extern from "firmware/port/host/flash.h" nogil:
    ctypedef ec_signature (*ec_verify)(void *verifier, const uint8_t *message, size_t length,
                                     const uint8_t *signature) noexcept

    ctypedef struct ec_flash_sim:
        uint8_t *bytes
        uint32_t sector_bytes, unit_bytes, sectors
        uint64_t writes, cut_at, random, misuses
        bint off
        ec_verify verify
        void *verifier


cdef extern from "firmware/port/host/board.h" nogil:
    ctypedef struct ec_queue:
        uint32_t used

    ctypedef struct ec_board:
        uint64_t now_us
        int64_t scene_us
        uint64_t random
        uint32_t boot_id, boots
        uint32_t fifo_bytes
        bint led, buzzer
        ec_queue to_device, from_device
        uint32_t traces_lost, watchdog_kicks
        ec_flash_sim *flash
        ec_flash flash_hal
        bint reset_wanted

    enum: EC_QUEUE_BYTES

    size_t ec_queue_put(ec_queue *queue, const uint8_t *data, size_t length)
    size_t ec_queue_take(ec_queue *queue, uint8_t *data, size_t capacity)
    void ec_board_init(ec_board *board, uint32_t boot_id, uint64_t seed, int64_t scene_us)
    void ec_board_boot(ec_board *board)
    ec_hal ec_board_hal(ec_board *board)
    bint ec_board_take_trace(ec_board *board, ec_trace *trace)


cdef extern from "firmware/port/host/report.h" nogil:
    ctypedef struct ec_trace_names:
        const char *event
        const char *fields[3]

    const ec_trace_names *ec_trace_naming(ec_trace_kind kind)


cdef extern from "firmware/port/host/process.h" nogil:
    ctypedef enum ec_line_kind:
        EC_LINE_STREAM
        EC_LINE_PTY
        EC_LINE_LISTENER

    ctypedef struct ec_process_options:
        int fd
        ec_line_kind line
        int report_fd
        bint dies_with_parent
        uint32_t boot_id
        uint64_t seed, epoch_ns
        ec_flash_sim *flash
        const uint8_t *key
        const int64_t *ahead_us
        bint mlperf_tiny

    ctypedef struct ec_process:
        pass

    void ec_process_catch_signals()
    int ec_process_run(ec_process *process, const ec_process_options *options)


cdef extern from "firmware/core/dense_model.h" nogil:
    ctypedef struct ec_tiny_model:
        pass

    ctypedef struct ec_tiny:
        pass

    ctypedef struct ec_dense:
        pass

    ec_tiny_model ec_dense_model(ec_dense *dense)
    bint ec_tiny_init(ec_tiny *tiny, const ec_hal *hal, const ec_tiny_model *model)
    uint64_t ec_tiny_step(ec_tiny *tiny)
    void ec_tiny_line_lost(ec_tiny *tiny)
