"""case_log"""
