/* Intel's multi-buffer library, whose interface is made of macros: pages of AES-CBC in one burst. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <intel-ipsec-mb.h>

#define MAX_PAGES 32

struct tde_ipsec_mb {
    IMB_MGR *manager;
    DECLARE_ALIGNED(uint32_t encryption[4 * 15], 16);
    DECLARE_ALIGNED(uint32_t decryption[4 * 15], 16);
    IMB_KEY_SIZE_BYTES key_len;
};

const char *tde_ipsec_mb_version(void) { return imb_get_version_str(); }

struct tde_ipsec_mb *tde_ipsec_mb_new(const uint8_t *key, size_t key_len)
{
    struct tde_ipsec_mb *self = NULL;
    if (posix_memalign((void **)&self, 64, sizeof *self) != 0)
        return NULL;
    memset(self, 0, sizeof *self);
    self->manager = alloc_mb_mgr(0);
    if (self->manager == NULL) {
        free(self);
        return NULL;
    }
    init_mb_mgr_auto(self->manager, NULL);
    if (key_len == 16) {
        self->key_len = IMB_KEY_128_BYTES;
        IMB_AES_KEYEXP_128(self->manager, key, self->encryption, self->decryption);
    } else {
        self->key_len = IMB_KEY_256_BYTES;
        IMB_AES_KEYEXP_256(self->manager, key, self->encryption, self->decryption);
    }
    return self;
}

void tde_ipsec_mb_free(struct tde_ipsec_mb *self)
{
    if (self != NULL) {
        free_mb_mgr(self->manager);
        free(self);
    }
}

/* Encrypts `count` pages of `len` bytes that follow each other in place; `ivs` has 16 bytes for each. Gives
 * the number of pages done. */
uint32_t tde_ipsec_mb_encrypt(struct tde_ipsec_mb *self, uint8_t *pages, size_t len, const uint8_t *ivs,
                              uint32_t count)
{
    IMB_JOB jobs[MAX_PAGES];
    if (count > MAX_PAGES)
        return 0;
    for (uint32_t i = 0; i < count; i++) {
        jobs[i].src = pages + i * len;
        jobs[i].dst = pages + i * len;
        jobs[i].cipher_start_src_offset_in_bytes = 0;
        jobs[i].msg_len_to_cipher_in_bytes = len;
        jobs[i].iv = ivs + 16 * i;
        jobs[i].iv_len_in_bytes = 16;
        jobs[i].enc_keys = self->encryption;
        jobs[i].dec_keys = self->decryption;
    }
    return IMB_SUBMIT_CIPHER_BURST_NOCHECK(self->manager, jobs, count, IMB_CIPHER_CBC, IMB_DIR_ENCRYPT,
                                           self->key_len);
}

/* The same through the library's first interface, a job at a time. */
uint32_t tde_ipsec_mb_encrypt_jobs(struct tde_ipsec_mb *self, uint8_t *pages, size_t len, const uint8_t *ivs,
                                   uint32_t count)
{
    uint32_t done = 0;
    for (uint32_t i = 0; i < count; i++) {
        IMB_JOB *job = IMB_GET_NEXT_JOB(self->manager);
        job->cipher_mode = IMB_CIPHER_CBC;
        job->cipher_direction = IMB_DIR_ENCRYPT;
        job->chain_order = IMB_ORDER_CIPHER_HASH;
        job->hash_alg = IMB_AUTH_NULL;
        job->key_len_in_bytes = self->key_len;
        job->enc_keys = self->encryption;
        job->dec_keys = self->decryption;
        job->src = pages + i * len;
        job->dst = pages + i * len;
        job->cipher_start_src_offset_in_bytes = 0;
        job->msg_len_to_cipher_in_bytes = len;
        job->msg_len_to_hash_in_bytes = 0;
        job->iv = ivs + 16 * i;
        job->iv_len_in_bytes = 16;
        for (job = IMB_SUBMIT_JOB(self->manager); job != NULL; job = IMB_GET_COMPLETED_JOB(self->manager))
            done += job->status == IMB_STATUS_COMPLETED;
    }
    for (IMB_JOB *job = IMB_FLUSH_JOB(self->manager); job != NULL; job = IMB_FLUSH_JOB(self->manager))
        done += job->status == IMB_STATUS_COMPLETED;
    return done;
}
