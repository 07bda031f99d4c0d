/* A model whose instructions are written down: what it costs can be counted by hand.
 *
 * Layer 1 calls KERNEL, which the build gives; layer 0 an empty function in the same way. */
#include "hwk_model.h"
#include "hwk_profile.h"

int8_t input[16] __attribute__((aligned(16)));
static int8_t output[16] __attribute__((aligned(16)));

static const uint32_t description[14] = {3, [12] = sizeof input, sizeof output};

static const hwk_tensor_t tensors[] = {{input, sizeof input}, {output, sizeof output}};

const hwk_model_info_t hwk_model_info = {
    .description = description,
    .description_bytes = sizeof description,
    .layer_count = 3,
    .inputs = {tensors, 1, sizeof input},
    .outputs = {tensors + 1, 1, sizeof output},
};

void hwk_model_reset(void) {}

/* Both have the input's address in the first argument's register and differ by the kernel alone. */
void kernel(void);
void nothing(void);

#ifdef __riscv
__asm(".text\n"
      ".balign 4\n"
      ".type kernel, %function\n"
      "kernel:\n"
      " la a0, input\n"
      " " KERNEL "\n"
      " ret\n"
      ".balign 4\n"
      ".type nothing, %function\n"
      "nothing:\n"
      " la a0, input\n"
      " ret\n");
#else
__asm(".syntax unified\n"
      ".text\n"
      ".balign 4\n"
      ".type kernel, %function\n"
      ".thumb_func\n"
      "kernel:\n"
      " ldr r0, =input\n"
      " nop\n"
      " " KERNEL "\n"
      " bx lr\n"
      " .pool\n"
      ".balign 4\n"
      ".type nothing, %function\n"
      ".thumb_func\n"
      "nothing:\n"
      " ldr r0, =input\n"
      " nop\n"
      " bx lr\n"
      " .pool\n");
#endif

void hwk_model_invoke(uint32_t last_layer) {
  (void)last_layer;
  hwk_profile_mark(0);
  nothing();
  hwk_profile_mark(1);
  kernel();
  hwk_profile_mark(2);
  nothing(); /* the last layer's interval holds this function's own end */
  hwk_profile_mark(3);
}

const void *hwk_model_layer_output(uint32_t layer, uint32_t *size_bytes) {
  *size_bytes = layer < 3 ? sizeof output : 0u;
  return layer < 3 ? output : (const void *)0;
}
