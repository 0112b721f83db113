"""What runs in an image, by its name."""

from __future__ import annotations

import re

POSTGRES, REDIS = re.compile(r"postgres|postgis|timescale|pgvector"), re.compile(r"redis|valkey|keydb")
DATA = re.compile(rf"{POSTGRES.pattern}|{REDIS.pattern}|mysql|mariadb|mongo|rabbitmq|kafka|elastic|clickhouse|minio")


def image_name(image: str) -> str:
    """The last part of its name, without registry, tag and digest."""
    return image.rpartition("/")[2].partition(":")[0].partition("@")[0].lower()
