"""Torch-RecHub's names, under the same path. SPDX-License-Identifier: Apache-2.0"""
