"""Files that are whole or absent, locks, and the directory that dccd keeps beside the data."""

from dccd.disk import files
from dccd.disk.files import Signature
from dccd.disk.locks import FileLock, file_lock, is_locked
from dccd.disk.mounted_directory import MountedDirectory, forget_directory, mounted_directory
from dccd.disk.state_directory import STATE_DIRECTORY, check_format, make_directory, open_state_directory
from dccd.disk.system import SYSTEM, System

__all__ = [
    "STATE_DIRECTORY",
    "SYSTEM",
    "FileLock",
    "MountedDirectory",
    "Signature",
    "System",
    "check_format",
    "file_lock",
    "files",
    "forget_directory",
    "is_locked",
    "make_directory",
    "mounted_directory",
    "open_state_directory",
]
