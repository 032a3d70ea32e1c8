//! What the registers of a thread mean, by processor.

use crate::sys::Registers;

/// What a system call that was interrupted has for its result until it goes on.
#[cfg(target_arch = "x86_64")]
const RESTART_WITH_BLOCK: i64 = -516;

/// The instruction that makes a system call.
#[cfg(target_arch = "x86_64")]
pub(crate) const SYSTEM_CALL: &[u8] = &[0x0f, 0x05];
#[cfg(not(target_arch = "x86_64"))]
pub(crate) const SYSTEM_CALL: &[u8] = &[0x01, 0x00, 0x00, 0xd4];

/// Where the thread stands: program counter and stack pointer.
pub(crate) fn place(registers: &Registers) -> (u64, u64) {
    #[cfg(target_arch = "x86_64")]
    return (registers.rip, registers.rsp);
    #[cfg(not(target_arch = "x86_64"))]
    (registers.pc, registers.sp)
}

/// Where the thread's own variables begin, as C has them; 0 where that is not among the registers.
pub(crate) fn own(registers: &Registers) -> u64 {
    #[cfg(target_arch = "x86_64")]
    return registers.fs_base;
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = registers;
        0
    }
}

/// The registers that may hold pointers.
pub(crate) fn general(registers: &Registers) -> Vec<u64> {
    let r = registers;
    #[cfg(target_arch = "x86_64")]
    return vec![r.rax, r.rbx, r.rcx, r.rdx, r.rsi, r.rdi, r.rbp, r.r8, r.r9, r.r10, r.r11, r.r12, r.r13, r.r14, r.r15];
    #[cfg(not(target_arch = "x86_64"))]
    r.regs.to_vec()
}

/// How much a thread is disturbed by a system call of ours, the least first: one in its own code, one in
/// a call that simply starts anew, one in a sleep that goes on where it was. The last works as well, but
/// lies in the kernel's hands.
pub(crate) fn disturbance(registers: &Registers) -> u32 {
    #[cfg(target_arch = "x86_64")]
    return match registers.orig_rax.cast_signed() >= 0 {
        false => 0,
        true if registers.rax.cast_signed() == RESTART_WITH_BLOCK => 2,
        true => 1,
    };
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = registers;
        0
    }
}

/// The registers of a thread that is about to make a system call. `None` on a processor on which that
/// has not been tried: which call was interrupted is not among the registers everywhere.
pub(crate) fn for_system_call(
    before: &Registers,
    instruction: u64,
    number: i64,
    arguments: [u64; 4],
) -> Option<Registers> {
    #[cfg(target_arch = "x86_64")]
    {
        let mut registers = *before;
        registers.rip = instruction;
        registers.rax = number.cast_unsigned();
        // In no system call: otherwise the kernel would start that anew before it goes on.
        registers.orig_rax = u64::MAX;
        [registers.rdi, registers.rsi, registers.rdx, registers.r10] = arguments;
        (registers.r8, registers.r9) = (0, 0);
        Some(registers)
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = (before, instruction, number, arguments);
        None
    }
}

/// What a system call gave.
pub(crate) fn result(registers: &Registers) -> i64 {
    #[cfg(target_arch = "x86_64")]
    return registers.rax.cast_signed();
    #[cfg(not(target_arch = "x86_64"))]
    registers.regs[0].cast_signed()
}
