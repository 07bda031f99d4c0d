"""Campaigns: many models on many boards, each measured once, whatever fails on the way."""
