// Package config holds the values of a configuration: read, defaulted, checked.
package config
