from hypothesis import settings

settings.register_profile(
    "core", max_examples=80, deadline=None, derandomize=True, database=None, print_blob=False
)
settings.load_profile("core")
