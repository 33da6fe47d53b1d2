"""The person's configuration file: read and checked, never written."""

from store.configuration.file import ConfigurationFile, configuration_file, load
from store.configuration.model import NO_CONFIGURATION, Configuration

__all__ = ["NO_CONFIGURATION", "Configuration", "ConfigurationFile", "configuration_file", "load"]
