"""What the official platforms of bare boards do without a framework, as far as a build goes.

They name the core, optimize for size, know nothing of an FPU, and take the linker script from the
board. The compiler is the one on the PATH.
"""

from SCons.Script import AlwaysBuild, Default, DefaultEnvironment

env = DefaultEnvironment()
board = env.BoardConfig()
core = ["-mthumb", f"-mcpu={board.get('build.cpu')}"]
env.Replace(
    AR="arm-none-eabi-gcc-ar",
    AS="arm-none-eabi-as",
    CC="arm-none-eabi-gcc",
    CXX="arm-none-eabi-g++",
    RANLIB="arm-none-eabi-gcc-ranlib",
    ARFLAGS=["rc"],
    PROGSUFFIX=".elf",
    LDSCRIPT_PATH=board.get("build.ldscript"),
)
env.Append(
    CCFLAGS=["-Os", "-ffunction-sections", "-fdata-sections", "-Wall", *core],
    LINKFLAGS=["-Os", "-Wl,--gc-sections,--relax", *core],
    LIBS=["c", "gcc", "m"],
)
target = env.BuildProgram()
AlwaysBuild(env.Alias("nobuild", target))
Default([target])
