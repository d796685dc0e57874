/* An external delegate as a vendor's library would be, for the tests: it takes RELU from the
 * interpreter and adds MARK to what RELU gives, so that its work is seen in the output.
 *
 * Only the entry points are an agreed interface; what lies behind a delegate is declared here as
 * TensorFlow Lite 2.13 to LiteRT 2.3 have it (tensorflow/lite/core/c/common.h), no more than is
 * used.
 */
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OK = 0, ERROR = 1, RELU = 19, MARK = 1000 };

typedef struct {
    int size;
    int data[];
} int_array;

typedef struct {
    int type;
    float* data;
    int_array* dims;
    struct {
        float scale;
        int32_t zero_point;
    } params;
    int allocation_type;
    size_t bytes;
    const void* allocation;
    const char* name;
    void* delegate;
    int buffer_handle;
    _Bool data_is_stale, is_variable;
    struct {
        int type;
        void* params;
    } quantization;
    void* sparsity;
    const int_array* dims_signature;
} tensor;

typedef struct {
    int_array *inputs, *outputs, *intermediates, *temporaries;
    void* user_data;
} node;

typedef struct context context;

/* Passed by value; the room at its end is for what later versions append. 32-bit ARM has the next
 * argument right behind it, so there it is as large as TensorFlow Lite 2.14's. */
typedef struct {
    void* (*init)(context*, const char*, size_t);
    void (*free)(context*, void*);
    int (*prepare)(context*, node*);
    int (*invoke)(context*, node*);
    const char* (*profiling_string)(const context*, const node*);
    int32_t builtin_code;
    const char* custom_name;
    int version;
#ifdef __arm__
    void *external, *async_kernel;
    uint64_t inplace_operator;
#else
    void* appended[8];
#endif
} registration;

typedef struct {
    void* data;
    int (*prepare)(context*, void* self);
    void *copy_from, *copy_to, *free_handle;
    int64_t flags;
    void* builder;
} delegate;

struct context {
    size_t tensors_size;
    int (*get_execution_plan)(context*, int_array**);
    tensor* tensors;
    void* implementation;
    int (*resize_tensor)(context*, tensor*, int_array*);
    void (*report_error)(context*, const char*, ...);
    int (*add_tensors)(context*, int, int*);
    int (*get_node_and_registration)(context*, int, node**, registration**);
    int (*replace_node_subsets)(context*, registration, const int_array*, delegate*);
};

typedef struct {
    delegate interface;
    _Bool takes_nothing, refuses, fails, dies, hangs;
} marking_delegate;

/* A delegate's kernel is given its delegate, and some more, as the operator's own bytes. */
static void* start_kernel(context* c, const char* bytes, size_t size) {
    (void)c;
    (void)size;
    void* mine;
    memcpy(&mine, bytes, sizeof mine);
    return mine;
}

static int prepare_kernel(context* c, node* n) {
    (void)c;
    (void)n;
    return OK;
}

static int run_kernel(context* c, node* n) {
    const marking_delegate* mine = n->user_data;
    if (mine->dies)
        raise(SIGSEGV);
    while (mine->hangs)
        pause();
    if (mine->fails) {
        c->report_error(c, "the device stopped answering");
        return ERROR;
    }
    const tensor *from = &c->tensors[n->inputs->data[0]], *to = &c->tensors[n->outputs->data[0]];
    for (size_t i = 0; i < to->bytes / sizeof *to->data; ++i)
        to->data[i] = MARK + (from->data[i] > 0 ? from->data[i] : 0);
    return OK;
}

static int take_nodes(context* c, void* self) {
    marking_delegate* mine = self;
    if (mine->refuses)
        return ERROR;
    if (mine->takes_nothing)
        return OK;
    int_array* plan;
    if (c->get_execution_plan(c, &plan) != OK)
        return ERROR;
    int_array* taken = malloc(sizeof *taken + (size_t)plan->size * sizeof *taken->data);
    taken->size = 0;
    for (int i = 0; i < plan->size; ++i) {
        node* n;
        registration* r;
        if (c->get_node_and_registration(c, plan->data[i], &n, &r) != OK)
            break;
        if (r->builtin_code == RELU)
            taken->data[taken->size++] = plan->data[i];
    }
    registration kernel = {.init = start_kernel,
                           .prepare = prepare_kernel,
                           .invoke = run_kernel,
                           .custom_name = "Marking",
                           .version = 1};
    int status = c->replace_node_subsets(c, kernel, taken, &mine->interface);
    free(taken);
    return status;
}

static const char* const refusals[][2] = {
    {"absent", "no such device: /dev/marking0"},
    {"denied", "/dev/marking0: Permission denied"},
    {"busy", "/dev/marking0: Device or resource busy"},
    {"broken", "the firmware's checksum is wrong"},
};

void* tflite_plugin_create_delegate(char** keys, char** values, size_t count,
                                    void (*report)(const char*)) {
    marking_delegate* made = calloc(1, sizeof *made);
    made->interface.prepare = take_nodes;
    for (size_t i = 0; i < count; ++i) {
        const char *key = keys[i], *value = values[i];
        _Bool known = !strcmp(key, "device") || !strcmp(key, "model") || !strcmp(key, "run");
        if (!known)
            report("unknown option");
        for (size_t r = 0; r < sizeof refusals / sizeof *refusals; ++r)
            if (!strcmp(key, "device") && !strcmp(value, refusals[r][0])) {
                report(refusals[r][1]);
                known = 0;
            }
        if (!known) {
            free(made);
            return NULL;
        }
        if (!strcmp(key, "device") && !strcmp(value, "deadly"))
            abort();
        made->takes_nothing |= !strcmp(key, "model") && !strcmp(value, "unknown");
        made->refuses |= !strcmp(key, "model") && !strcmp(value, "refused");
        made->fails |= !strcmp(key, "run") && !strcmp(value, "fails");
        made->dies |= !strcmp(key, "run") && !strcmp(value, "dies");
        made->hangs |= !strcmp(key, "run") && !strcmp(value, "hangs");
    }
    return made;
}

void tflite_plugin_destroy_delegate(void* made) {
    free(made);
}
