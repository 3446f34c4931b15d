"""How many of one unit are in another, for code that converts what it prints."""

NS_PER_US = 1_000
NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
NS_PER_UNIT = {"us": NS_PER_US, "ms": NS_PER_MS, "s": NS_PER_S}
US_PER_MS = 1_000
US_PER_S = 1_000_000
BYTES_PER_KIB = 1 << 10
BYTES_PER_MIB = 1 << 20
PERCENT = 100  # in a share of 1
MILLION = 1_000_000
