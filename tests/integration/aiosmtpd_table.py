"""Which of aiosmtpd's own tests apply to our server, and why the others don't.

They were written for a server whose replies and hooks are its own.
"""

TESTED_VERSION = "1.4.6"
# How many tests of each file run. Of the other files all is aiosmtpd's own: its handlers, its
# controller, its program, LMTP.
APPLIES = {
    "test_smtp.py": 174,
    "test_starttls.py": 11,
    "test_smtps.py": 1,
    "test_smtpsmuggling.py": 1,
    "test_proxyprotocol.py": 6,
}
# Reason -> classes, and tests with all their parameters or with one.
DOES_NOT_APPLY = {
    "it makes an object of aiosmtpd's and calls it": [
        "test_smtp.py::TestProtocol",
        "test_smtp.py::TestAuthArgs",
        "test_smtp.py::TestSanitize",
        "test_smtp.py::TestTimeout",
        "test_smtp.py::TestCustomization::test_custom_hostname",
        "test_smtp.py::TestCustomization::test_custom_greeting",
        "test_smtp.py::TestSMTPWithController::test_long_line_leak",
        "test_starttls.py::TestTLSContext",
        "test_proxyprotocol.py::TestProxyData",
        "test_proxyprotocol.py::TestProxyTLV",
        "test_proxyprotocol.py::TestModule",
        "test_proxyprotocol.py::TestSMTPInit",
        "test_proxyprotocol.py::TestGetV1",
        "test_proxyprotocol.py::TestGetV2",
    ],
    "it looks into aiosmtpd's server": [
        "test_smtp.py::TestClientCrash",
        "test_starttls.py::TestTLSEnding::test_eof_received",
    ],
    "it is about a handler that decides or is told": [
        "test_smtp.py::TestAuthenticator",
        "test_smtp.py::TestResetCommands",
        "test_smtp.py::TestAuthMechanisms::test_byclient",
        "test_smtp.py::TestAuthMechanisms::test_plain1_good_credentials",
        "test_smtp.py::TestAuthMechanisms::test_plain2_good_credentials",
        "test_smtp.py::TestAuthMechanisms::test_login2_good_credentials",
        "test_smtp.py::TestAuthMechanisms::test_login3_good_credentials",
        "test_smtp.py::TestSMTPAuth::test_auth_loginteract_warning",
        "test_smtp.py::TestSMTPWithController::test_process_message_error",
        "test_smtp.py::TestSMTPWithController::test_unexpected_errors",
        "test_smtp.py::TestSMTPWithController::test_unexpected_errors_unhandled",
        "test_smtp.py::TestSMTPWithController::test_unexpected_errors_custom_response",
        "test_smtp.py::TestSMTPWithController::test_exception_handler_exception",
        "test_smtp.py::TestSMTPWithController::test_exception_handler_undescribable",
        "test_smtp.py::TestSMTPWithController::test_exception_handler_multiple_connections_lost",
        "test_starttls.py::TestStartTLS::test_failed_handshake",
        "test_starttls.py::TestTLSEnding::test_tls_handshake_failing",
        "test_proxyprotocol.py::TestHandlerAcceptReject::test_simple[v1-False]",
        "test_proxyprotocol.py::TestHandlerAcceptReject::test_simple[v2-False]",
    ],
    "it compares words, or all that EHLO offers": [
        "test_smtp.py::TestSMTP::test_ehlo",
        "test_smtp.py::TestAuthMechanisms::test_ehlo",
        "test_smtp.py::TestAuthMechanisms::test_plain1_goodcreds_sanitized_log",
        "test_smtp.py::TestCustomization::test_default_greeting",
        "test_smtp.py::TestSMTPWithController::test_too_long_body_delay_error",
    ],
    "the sandbox lets anybody in, but with the password of the bridge": [
        "test_smtp.py::TestAuthMechanisms::test_plain1_bad_username",
        "test_smtp.py::TestAuthMechanisms::test_plain2_bad_credentials",
        "test_smtp.py::TestAuthMechanisms::test_login3_bad_username",
        "test_smtp.py::TestRequiredAuthentication::test_data_authenticated",
    ],
    "a mechanism of aiosmtpd's, one that we know more, or a user of no name": [
        "test_smtp.py::TestAuthMechanisms::test_custom_mechanism",
        "test_smtp.py::TestAuthMechanisms::test_DENYFALSE",
        "test_smtp.py::TestAuthMechanisms::test_DENYMISSING",
        "test_smtp.py::TestAuthMechanisms::test_NONE",
        "test_smtp.py::TestAuthMechanisms::test_not_supported_mechanism[CRAM-MD5]",
        "test_smtp.py::TestAuthMechanisms::test_login3_empty_credentials",
    ],
    "RFC 5321 section 4.1.2 has no comments, no spaces and no quotes beside an atom": [
        f"test_smtp.py::TestSMTP::test_{command}_valid_address[{number}]"
        for command in ("mail", "rcpt")
        for number in (15, 16, 17, 18, 28, 29, 30, 31)
    ],
    "RFC 5321 section 4.1.3: an IPv6 literal of ::1 is [IPv6:::1]": [
        "test_smtp.py::TestSMTP::test_mail_valid_address[14]",
        "test_smtp.py::TestSMTP::test_rcpt_valid_address[14]",
    ],
    "RFC 5321 section 4.5.3.1.1: a local part has 64 octets at most": [
        "test_smtp.py::TestSMTP::test_mail_valid_address[37]",
        "test_smtp.py::TestSMTP::test_mail_valid_address[38]",
        "test_smtp.py::TestSMTP::test_mail_valid_address[39]",
        "test_smtp.py::TestSMTP::test_rcpt_valid_address[37]",
        "test_smtp.py::TestSMTP::test_rcpt_valid_address[38]",
        "test_smtp.py::TestSMTP::test_rcpt_valid_address[39]",
        "test_smtp.py::TestSMTP::test_rcpt_valid_address[41]",
        "test_smtp.py::TestSMTP::test_rcpt_valid_address[42]",
    ],
    "RFC 5321 section 4.1.1.11: a parameter that is not known is 555, after HELO too": [
        "test_smtp.py::TestSMTP::test_mail_smtp_errsyntax[params_noesmtp]",
        "test_smtp.py::TestSMTP::test_rcpt_smtp_errsyntax[params]",
    ],
    "RFC 5321 section 3.3: DATA without a recipient may be 554, which is what it then means": [
        "test_starttls.py::TestTLSForgetsSessionData::test_forget_rcpt",
    ],
    "RFC 5321 section 3.5.3: 252 whatever is asked for": [
        "test_smtp.py::TestSMTP::test_vrfy_not_address",
    ],
    "RFC 4954 section 6: 530 for what needs authentication; HELP and VRFY need none": [
        "test_smtp.py::TestRequiredAuthentication::test_help_unauthenticated",
        "test_smtp.py::TestRequiredAuthentication::test_vrfy_unauthenticated",
    ],
    "RFC 6531 section 3.3: a path that is no UTF-8 is refused": [
        "test_smtp.py::TestSMTPWithController::test_bad_encodings",
    ],
    "lines of the content may have any length; lint tells of them": [
        "test_smtp.py::TestSMTPWithController::test_data_line_too_long",
        "test_smtp.py::TestSMTPWithController::test_long_line_double_count",
        "test_smtp.py::TestSMTPWithController::test_too_long_line_delay_error",
        "test_smtp.py::TestSMTPWithController::test_too_long_lines_then_too_long_body",
    ],
    "SIZE and SMTPUTF8 are always offered; TLS is never required": [
        "test_smtp.py::TestSMTPWithController::test_esmtp_no_size_limit",
        "test_smtp.py::TestStrictASCII",
        "test_starttls.py::TestRequireTLS",
        "test_starttls.py::TestRequireTLSAUTH",
    ],
    "commands are not counted; nonsense is, to twenty": [
        "test_smtp.py::TestLimits",
    ],
    "a client that closes its half still hears the answers": [
        "test_smtp.py::TestSleepingHandler",
    ],
    "a proxy that says nothing hears 421 before we hang up": [
        "test_proxyprotocol.py::TestWithController::test_timeout",
        "test_proxyprotocol.py::TestWithController::test_incomplete",
    ],
}
