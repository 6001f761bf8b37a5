/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin for QEMU that counts into a file: -plugin this.so,counts=FILE. The file is already laid
 * out, with the transitions filled in, and is mapped by the tool as well.
 *
 * The declarations are those of QEMU's plugin interface, whose header no package brings. */
#include "counter.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { QEMU_PLUGIN_CB_NO_REGS = 0 };
typedef void (*translated)(uint64_t id, struct qemu_plugin_tb *tb);
typedef void (*executed)(unsigned int cpu, void *data);

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, translated callback);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, executed callback, int flags,
                                          void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);

EXPORT int qemu_plugin_version = PLUGIN_VERSION;
EXPORT int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);

static er_counter *counter;

/* Address and size of a block travel in the pointer itself. */
static void run(unsigned int cpu, void *data)
{
    (void)cpu;
    uint64_t block = (uint64_t)(uintptr_t)data;
    er_count(counter, (uint32_t)(block >> 32), (uint32_t)block);
}

/* The last instruction says where a block ends. Not the sum of sizes: where QEMU looks whether an
 * instruction crosses into the next page, the one before it is said to be longer than it is. If
 * that is the last one, half of the next counts as its own; trace.py leaves that half out. */
static void translate(uint64_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    uint64_t start = qemu_plugin_tb_vaddr(tb);
    struct qemu_plugin_insn *last = qemu_plugin_tb_get_insn(tb, qemu_plugin_tb_n_insns(tb) - 1);
    uint64_t size = qemu_plugin_insn_vaddr(last) + qemu_plugin_insn_size(last) - start;
    uint64_t block = start << 32 | size;
    qemu_plugin_register_vcpu_tb_exec_cb(tb, run, QEMU_PLUGIN_CB_NO_REGS, (void *)(uintptr_t)block);
}

static er_counter *map(const char *path)
{
    int file = open(path, O_RDWR);
    struct stat status;
    if (file < 0 || fstat(file, &status) != 0) {
        return 0;
    }
    void *memory =
        mmap(0, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    return memory == MAP_FAILED ? 0 : memory;
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
    static const char option[] = "counts=";
    (void)info;
    if (argc == 1 && strncmp(argv[0], option, sizeof option - 1) == 0) {
        counter = map(argv[0] + sizeof option - 1);
    }
    if (counter == 0) {
        fprintf(stderr, "the plugin cannot map its file of counts\n");
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
    return 0;
}
