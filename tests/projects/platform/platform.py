from platformio.public import PlatformBase


class LocalPlatform(PlatformBase):
    pass
