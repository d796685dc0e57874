#include "firmware/core/mlperf_tiny.h"

#include <string.h>

/* Inferences run on until so much time is over, so that the line and the watchdog get their turn;
 * of a clock that stands still, so many. */
#define SLICE_US 1000u
#define SLICE_MAX 4096u
#define DEFAULT_WARMUPS 10u
#define COUNT_MAX 0x7FFFFFFFu
#define WORDS_MAX 3u
#define PRINTED_A_LINE 8u
#define TERMINATOR '%'

static const char* const greeting[] = {"m-timestamp-mode-performance", "m-init-done"};

static const char* const help[] = {
    "edgecore, MLPerf Tiny commands; each ends in %",
    "",
    "help",
    "name                what this device is",
    "profile             protocol and model",
    "timestamp           its clock, microseconds",
    "db load N           an input of N bytes follows",
    "db HH[HH...]        its next bytes, hexadecimal",
    "db print            the bytes that came",
    "infer [N=1 [W=10]]  N inferences on it after W to warm up",
    "results             of the last inference",
};

static void begin_line(ec_tiny* tiny, const char* text) {
    ec_text_clear(&tiny->line);
    ec_text_add(&tiny->line, text);
}

static void end_line(ec_tiny* tiny, ec_tiny_doing next) {
    ec_text_end(&tiny->line);
    tiny->line_sent = 0;
    tiny->doing = next;
}

static void say(ec_tiny* tiny, const char* text, ec_tiny_doing next) {
    begin_line(tiny, text);
    end_line(tiny, next);
}

static void say_number(ec_tiny* tiny, const char* text, uint64_t number, const char* rest,
                       ec_tiny_doing next) {
    begin_line(tiny, text);
    ec_text_add_unsigned(&tiny->line, number);
    ec_text_add(&tiny->line, rest);
    end_line(tiny, next);
}

static void say_word(ec_tiny* tiny, const char* text, const char* word, const char* rest,
                     ec_tiny_doing next) {
    begin_line(tiny, text);
    ec_text_add(&tiny->line, word);
    ec_text_add(&tiny->line, rest);
    end_line(tiny, next);
}

static void say_list(ec_tiny* tiny, const char* const* list, size_t count) {
    tiny->list = list;
    tiny->list_left = (uint32_t)count;
    tiny->doing = EC_TINY_LISTING;
}

static void refuse(ec_tiny* tiny, const char* reason) {
    say_word(tiny, "e-[", reason, "]", EC_TINY_READY);
}

static void say_results(ec_tiny* tiny) {
    int32_t thousandths[EC_TINY_RESULTS_MAX];
    tiny->model->results(tiny->model->context, thousandths);
    begin_line(tiny, "m-results-[");
    for (size_t i = 0; i < tiny->model->result_count; i++) {
        if (i > 0)
            ec_text_add(&tiny->line, ",");
        ec_text_add_thousandths(&tiny->line, thousandths[i]);
    }
    ec_text_add(&tiny->line, "]");
    end_line(tiny, EC_TINY_READY);
}

static void print_input(ec_tiny* tiny) {
    if (tiny->input_printed == tiny->input_filled) {
        tiny->doing = EC_TINY_READY;
        return;
    }
    begin_line(tiny, "m-buffer");
    for (uint32_t i = 0; i < PRINTED_A_LINE && tiny->input_printed < tiny->input_filled; i++) {
        ec_text_add(&tiny->line, "-");
        ec_text_add_hex(&tiny->line, tiny->input[tiny->input_printed++]);
    }
    end_line(tiny, EC_TINY_PRINTING);
}

static uint64_t now_us(const ec_tiny* tiny) {
    return tiny->hal->now_us(tiny->hal->port);
}

/* True when none is left. */
static bool infer_a_slice(ec_tiny* tiny) {
    uint64_t start_us = now_us(tiny);
    for (uint32_t i = 0; i < SLICE_MAX && tiny->inferences_left > 0; i++) {
        tiny->model->infer(tiny->model->context);
        tiny->inferences_left--;
        if (now_us(tiny) - start_us >= SLICE_US)
            break;
    }
    return tiny->inferences_left == 0;
}

/* What comes next of the answer under way. */
static void advance(ec_tiny* tiny) {
    switch (tiny->doing) {
    case EC_TINY_LISTENING:
        break;
    case EC_TINY_LISTING:
        tiny->list_left--;
        say(tiny, *tiny->list++, tiny->list_left > 0 ? EC_TINY_LISTING : EC_TINY_READY);
        break;
    case EC_TINY_PRINTING:
        print_input(tiny);
        break;
    case EC_TINY_WARMING:
        if (infer_a_slice(tiny))
            say(tiny, "m-warmup-done", EC_TINY_WARMED);
        break;
    case EC_TINY_WARMED:
        tiny->inferences_left = tiny->inferences;
        say_number(tiny, "m-infer-start-", tiny->inferences, "", EC_TINY_STARTING);
        break;
    case EC_TINY_STARTING:
        say_number(tiny, "m-lap-us-", now_us(tiny), "", EC_TINY_INFERRING);
        break;
    case EC_TINY_INFERRING:
        if (infer_a_slice(tiny)) {
            tiny->lap_us = now_us(tiny);
            tiny->doing = EC_TINY_STOPPING;
        }
        break;
    case EC_TINY_STOPPING:
        say_number(tiny, "m-lap-us-", tiny->lap_us, "", EC_TINY_INFERRED);
        break;
    case EC_TINY_INFERRED:
        say(tiny, "m-infer-done", EC_TINY_RESULTS);
        break;
    case EC_TINY_RESULTS:
        say_results(tiny);
        break;
    case EC_TINY_READY:
        say(tiny, "m-ready", EC_TINY_LISTENING);
        break;
    }
}

static bool same(const char* word, const char* other) {
    size_t length = strlen(word);
    return length == strlen(other) && memcmp(word, other, length) == 0;
}

/* A decimal number of 0 to COUNT_MAX and nothing else. */
static bool number(const char* word, uint32_t* value) {
    uint32_t sum = 0;
    if (*word == '\0')
        return false;
    for (; *word != '\0'; word++) {
        uint32_t digit = (uint32_t)(unsigned char)*word - '0';
        if (digit > 9 || sum > (COUNT_MAX - digit) / 10u)
            return false;
        sum = sum * 10u + digit;
    }
    *value = sum;
    return true;
}

/* 16 when it is no digit. */
static uint8_t hex_digit(char letter) {
    if (letter >= '0' && letter <= '9')
        return (uint8_t)(letter - '0');
    if (letter >= 'a' && letter <= 'f')
        return (uint8_t)(letter - 'a' + 10);
    if (letter >= 'A' && letter <= 'F')
        return (uint8_t)(letter - 'A' + 10);
    return 16;
}

static void do_name(ec_tiny* tiny, char* const* words) {
    (void)words;
    say_word(tiny, "m-name-dut-[", tiny->model->vendor, "]", EC_TINY_READY);
}

static void do_timestamp(ec_tiny* tiny, char* const* words) {
    (void)words;
    say_number(tiny, "m-lap-us-", now_us(tiny), "", EC_TINY_READY);
}

/* The first line is how runners know the protocol. */
static void do_profile(ec_tiny* tiny, char* const* words) {
    (void)words;
    begin_line(tiny, "m-profile-[ULPMark for tinyML Firmware V0.0.1]");
    ec_text_add(&tiny->line, "\r\nm-model-[");
    ec_text_add(&tiny->line, tiny->model->name);
    ec_text_add(&tiny->line, "]");
    end_line(tiny, EC_TINY_READY);
}

static void do_help(ec_tiny* tiny, char* const* words) {
    (void)words;
    say_list(tiny, help, sizeof help / sizeof help[0]);
}

static void do_results(ec_tiny* tiny, char* const* words) {
    (void)words;
    say_results(tiny);
}

static void load(ec_tiny* tiny, const char* size) {
    uint32_t bytes;
    if (!number(size, &bytes) || bytes == 0) {
        refuse(tiny, "db load: expected a number of bytes, 1 or more");
    } else if (bytes > EC_TINY_INPUT_MAX) {
        say_number(tiny, "e-[db load: more than ", EC_TINY_INPUT_MAX, " bytes]", EC_TINY_READY);
    } else {
        tiny->input_size = bytes;
        tiny->input_filled = 0;
        say_number(tiny, "m-[Expecting ", bytes, " bytes]", EC_TINY_READY);
    }
}

static void fill(ec_tiny* tiny, const char* digits) {
    size_t count = strlen(digits);
    if (count % 2 != 0) {
        refuse(tiny, "db: expected two hex digits for each byte");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (hex_digit(digits[i]) > 15) {
            refuse(tiny, "db: expected load, print or hex digits");
            return;
        }
    }
    if (tiny->input_filled == tiny->input_size) {
        refuse(tiny, "db: no load is under way");
        return;
    }
    for (size_t i = 0; i < count && tiny->input_filled < tiny->input_size; i += 2) {
        tiny->input[tiny->input_filled++] =
            (uint8_t)(hex_digit(digits[i]) << 4 | hex_digit(digits[i + 1]));
    }
    if (tiny->input_filled == tiny->input_size)
        say(tiny, "m-load-done", EC_TINY_READY);
    else
        tiny->doing = EC_TINY_READY;
}

static void do_db(ec_tiny* tiny, char* const* words) {
    if (*words[1] == '\0') {
        refuse(tiny, "db: expected load, print or hex digits");
    } else if (same(words[1], "load")) {
        load(tiny, words[2]);
    } else if (same(words[1], "print")) {
        tiny->input_printed = 0;
        tiny->doing = EC_TINY_PRINTING;
    } else {
        fill(tiny, words[1]);
    }
}

static void do_infer(ec_tiny* tiny, char* const* words) {
    uint32_t inferences = 1, warmups = DEFAULT_WARMUPS;
    if (*words[1] != '\0' && (!number(words[1], &inferences) || inferences == 0)) {
        refuse(tiny, "infer: expected 1 or more inferences");
    } else if (*words[2] != '\0' && !number(words[2], &warmups)) {
        refuse(tiny, "infer: expected 0 or more warm-ups");
    } else if (tiny->input_filled != tiny->input_size ||
               tiny->input_size != tiny->model->input_bytes) {
        say_number(tiny, "e-[infer: expected an input of ", tiny->model->input_bytes,
                   " bytes, loaded]", EC_TINY_READY);
    } else {
        tiny->model->load(tiny->model->context, tiny->input);
        tiny->inferences = inferences;
        tiny->inferences_left = warmups;
        say_number(tiny, "m-warmup-start-", warmups, "", EC_TINY_WARMING);
    }
}

static const struct {
    const char* name;
    void (*run)(ec_tiny* tiny, char* const* words);
} commands[] = {
    {"name", do_name}, {"timestamp", do_timestamp}, {"profile", do_profile}, {"help", do_help},
    {"db", do_db},     {"infer", do_infer},         {"results", do_results},
};

/* Cuts the command into words at its spaces; those that are missing are empty, those past the last
 * are left alone. */
static void split(ec_tiny* tiny, char* words[WORDS_MAX]) {
    char* at = tiny->command;
    for (size_t i = 0; i < WORDS_MAX; i++) {
        while (*at == ' ')
            at++;
        words[i] = at;
        while (*at != ' ' && *at != '\0')
            at++;
        if (*at == ' ')
            *at++ = '\0';
    }
}

static void execute(ec_tiny* tiny) {
    char* words[WORDS_MAX];
    split(tiny, words);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (same(words[0], commands[i].name)) {
            commands[i].run(tiny, words);
            return;
        }
    }
    say_word(tiny, "e-[Unknown command: ", words[0], "]", EC_TINY_READY);
}

static void forget_command(ec_tiny* tiny) {
    tiny->command_length = 0;
    tiny->command_too_long = false;
}

static void take(ec_tiny* tiny, uint8_t byte) {
    if (byte == TERMINATOR) {
        tiny->command[tiny->command_length] = '\0';
        if (tiny->command_too_long)
            say_number(tiny, "e-[Command longer than ", EC_TINY_COMMAND_MAX, " letters]",
                       EC_TINY_READY);
        else
            execute(tiny);
        forget_command(tiny);
    } else if (byte == '\r' || byte == '\n') {
        return;
    } else if (tiny->command_length == EC_TINY_COMMAND_MAX) {
        tiny->command_too_long = true;
    } else {
        tiny->command[tiny->command_length++] = byte < ' ' || byte > '~' ? '?' : (char)byte;
    }
}

/* False when nothing has come. */
static bool listen(ec_tiny* tiny) {
    if (tiny->chunk_at == tiny->chunk_length) {
        tiny->chunk_at = 0;
        tiny->chunk_length =
            (uint8_t)tiny->hal->receive(tiny->hal->port, tiny->chunk, sizeof tiny->chunk);
    }
    bool came = tiny->chunk_length > 0;
    while (tiny->chunk_at < tiny->chunk_length && tiny->doing == EC_TINY_LISTENING)
        take(tiny, tiny->chunk[tiny->chunk_at++]);
    return came;
}

/* False when the line takes no more for now. */
static bool transmit(ec_tiny* tiny) {
    size_t left = (size_t)(tiny->line.length - tiny->line_sent);
    if (left == 0)
        return true;
    size_t taken = tiny->hal->transmit(tiny->hal->port,
                                       (const uint8_t*)tiny->line.text + tiny->line_sent, left);
    tiny->line_sent = (uint16_t)(tiny->line_sent + taken);
    return taken == left;
}

bool ec_tiny_init(ec_tiny* tiny, const ec_hal* hal, const ec_tiny_model* model) {
    memset(tiny, 0, sizeof *tiny);
    tiny->hal = hal;
    tiny->model = model;
    say_list(tiny, greeting, sizeof greeting / sizeof greeting[0]);
    return model->input_bytes > 0 && model->input_bytes <= EC_TINY_INPUT_MAX &&
           model->result_count > 0 && model->result_count <= EC_TINY_RESULTS_MAX;
}

uint64_t ec_tiny_step(ec_tiny* tiny) {
    tiny->hal->kick_watchdog(tiny->hal->port);
    /* The time starts with the first lap's line, so that one need not have left. */
    if (!transmit(tiny) && tiny->doing != EC_TINY_INFERRING)
        return UINT64_MAX;
    if (tiny->doing == EC_TINY_LISTENING)
        return listen(tiny) ? now_us(tiny) : UINT64_MAX;
    advance(tiny);
    return now_us(tiny);
}

void ec_tiny_line_lost(ec_tiny* tiny) {
    ec_text_clear(&tiny->line);
    tiny->line_sent = 0;
    tiny->chunk_at = tiny->chunk_length = 0;
    tiny->doing = EC_TINY_LISTENING;
    forget_command(tiny);
}
