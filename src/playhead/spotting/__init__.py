"""Spotting: when do these actions happen?"""
